"""The columns that a stage declares, and a caller's batch against them."""

import pickle
from typing import Any

import pytest

from convoy import Batch, Code, ConvoyError, Datatype, Tensor
from convoy_services.mesh.column import Column, Columns

COLUMNS = Columns(
    text=Column("BYTES"),
    vector=Column("FP32", [2]),
    limit=Column("INT32", default=10),
    tags=Column("BYTES", [-1], default=["a", "b"]),
)
TEXT = Tensor.texts(["a", "b"])
VECTOR = Tensor.pack([[1, 2], [3, 4]], Datatype.FP32, (2,))


def batch(rows: int = 2, **columns: Tensor) -> Batch:
    return Batch(rows=rows, columns=columns)


@pytest.mark.parametrize("shape", [[0], [-2], [2, -1], [2, 0], [-1, -1]])
def test_a_shape_that_no_row_has_is_refused(shape: list[int]) -> None:
    with pytest.raises(ValueError, match="sizes are positive"):
        Column("FP32", shape)


def test_a_datatype_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="FLOAT"):
        Column("FLOAT")


@pytest.mark.parametrize(
    ("column", "optional"),
    [
        (Column("FP32", [2]), False),
        (Column("INT32", default=0), True),
        (Column("INT32", default=None), True),
        (Column("BYTES", [-1], default=[]), True),
        (Column("FP32", [2], finite=True), False),
    ],
)
def test_a_column_is_itself_in_another_process(column: Column, optional: bool) -> None:
    copy = pickle.loads(pickle.dumps(column))
    assert copy == column
    assert copy.optional is column.optional is optional
    assert copy.datatype is column.datatype


def test_columns_are_themselves_in_another_process() -> None:
    assert dict(pickle.loads(pickle.dumps(COLUMNS))) == dict(COLUMNS)


def test_columns_are_written_as_the_docs_do() -> None:
    assert str(Columns(a=Column("FP32", [384]), b=Column("BYTES"))) == "a FP32 [384], b BYTES []"
    assert str(Columns()) == "nothing"


@pytest.mark.parametrize("rows", [0, 1, 3])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        (Column("FP32", [2]), [0.5, 1.5]),
        (Column("INT64", [-1]), [7, 8, 9]),
        (Column("INT64", [-1]), []),
        (Column("BYTES"), b"abc"),
        (Column("BYTES", [-1]), [b"a", b"", b"bc"]),
        (Column("BOOL"), True),
    ],
)
def test_a_value_is_repeated_for_each_row(column: Column, value: Any, rows: int) -> None:
    tensor = column.repeat(value, rows)
    tensor.check()
    assert tensor.tolist() == [value] * rows


def test_what_a_caller_leaves_out_takes_its_default() -> None:
    admitted = COLUMNS.admit(batch(text=TEXT, vector=VECTOR))
    assert admitted["limit"].tolist() == [10, 10]
    assert admitted["tags"].tolist() == [[b"a", b"b"]] * 2
    assert admitted["text"] is TEXT


def test_what_a_caller_gives_is_not_replaced() -> None:
    limit = Tensor.pack([1, 2], Datatype.INT32)
    assert COLUMNS.admit(batch(text=TEXT, vector=VECTOR, limit=limit))["limit"] is limit


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"text": TEXT}, {"b.tensors": "vector FP32 [2] is missing"}),
        ({"vector": VECTOR}, {"b.tensors": "text BYTES [] is missing"}),
        (
            {"text": VECTOR, "vector": VECTOR},
            {"b.tensors[text]": "the datatype is FP32, not BYTES"},
        ),
        (
            {"text": TEXT, "vector": Tensor.pack([1, 2], Datatype.FP32)},
            {"b.tensors[vector]": "the shape of a row is [], not [2]"},
        ),
        (
            {"text": TEXT, "vector": VECTOR, "tags": TEXT},
            {"b.tensors[tags]": "the shape of a row is [], not [-1]"},
        ),
        (
            {"text": TEXT, "vector": VECTOR, "extra": TEXT},
            {"b.tensors[extra]": "there is no such input; there are: text BYTES []"},
        ),
        (
            {"text": VECTOR, "vector": TEXT, "extra": TEXT},
            {
                "b.tensors[text]": "the datatype is FP32",
                "b.tensors[vector]": "the datatype is BYTES",
                "b.tensors[extra]": "no such input",
            },
        ),
    ],
)
def test_every_faulty_column_is_named(given: dict[str, Tensor], faults: dict[str, str]) -> None:
    with pytest.raises(ConvoyError) as caught:
        COLUMNS.admit(batch(**given), "b")
    assert caught.value.code is Code.INVALID_ARGUMENT
    named = {v.field: v.description for v in caught.value.violations}
    assert named.keys() == faults.keys()
    for field, says in faults.items():
        assert says in named[field]


def test_no_rows_are_refused() -> None:
    empty = {"text": TEXT.slice(0, 0), "vector": VECTOR.slice(0, 0)}
    with pytest.raises(ConvoyError) as caught:
        COLUMNS.admit(batch(0, **empty))
    assert [v.field for v in caught.value.violations] == ["batch.rows"]


def test_rows_beyond_all_limits_are_refused_before_defaults_are_made_for_them() -> None:
    with pytest.raises(ConvoyError) as caught:
        Columns(limit=Column("INT32", default=1)).admit(Batch(rows=2**32 - 1))
    assert [v.field for v in caught.value.violations] == ["batch.rows"]


def test_a_caller_cannot_say_that_rows_have_failed() -> None:
    failures = {0: ConvoyError(Code.ABORTED, "")}
    given = Batch(rows=2, columns={"text": TEXT, "vector": VECTOR}, failures=failures)
    assert not COLUMNS.admit(given).failures
    complete = Columns(text=Column("BYTES"))
    assert not complete.admit(Batch(rows=2, columns={"text": TEXT}, failures=failures)).failures


NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64", "BF16"])
@pytest.mark.parametrize(
    ("shape", "rows", "named"),
    [
        ([], [0, NAN, 2, INFINITE], "row 1, 3;"),
        ([2], [[0, 1], [2, NAN], [4, 5]], "row 1;"),
        ([2, 2], [[[0, 1], [2, 3]], [[4, 5], [-INFINITE, NAN]]], "row 1;"),
        ([-1], [[], [], [0, 1], [], [NAN], [2]], "row 4;"),
        ([-1, 2], [[], [[0, 1], [2, 3]], [[4, NAN]], []], "row 2;"),
        ([], [NAN] * 18, "15 and 2 more;"),
    ],
)
def test_rows_that_are_not_finite_are_named_where_they_are_refused(
    datatype: str, shape: list[int], rows: list[Any], named: str
) -> None:
    tensor = Tensor.pack(rows, Datatype(datatype), shape)
    given = batch(len(rows), x=tensor)
    assert Columns(x=Column(datatype, shape)).admit(given)["x"] is tensor
    with pytest.raises(ConvoyError) as caught:
        Columns(x=Column(datatype, shape, finite=True)).admit(given)
    ((field, description),) = ((v.field, v.description) for v in caught.value.violations)
    assert field == "batch.tensors[x]"
    assert named in description


def test_finite_values_are_admitted_and_what_stages_give_is_not_looked_at() -> None:
    columns = Columns(x=Column("FP32", [-1], finite=True))
    assert columns.admit(batch(2, x=Tensor.pack([[1, 2], []], Datatype.FP32, [-1]))).rows == 2
    assert columns.pack(rows=1, x=[[NAN]]).rows == 1


def test_only_floats_can_be_asked_to_be_finite() -> None:
    with pytest.raises(ValueError, match="every INT32 is finite"):
        Column("INT32", finite=True)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "column y is missing"),
        ({"y": TEXT}, "column y: the datatype is BYTES"),
        ({"y": [[1], [2]]}, "column y: |do not fill"),
        ({"y": [1, 2, 3]}, "column y has 3 rows, not 2"),
        ({"y": ["one", "two"]}, "int64"),
    ],
)
def test_what_a_stage_packs_must_be_what_it_declared(values: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Columns(y=Column("INT64", [2] if values == {"y": [[1], [2]]} else [])).pack(
            rows=2, **values
        )

"""Tensors of the protocol to rows and back, raw and typed."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given

from convoy import Batch, Code, ConvoyError, Datatype, Degradation, Tensor
from convoy.oip.v2 import inference_pb2 as pb
from convoy_services.mesh.column import Column
from convoy_services.mesh.plan import Limits
from convoy_services.rpc.oip import inputs, outputs
from tests.unit.rpc.oip.requests import FIELDS, encode, plan, request, tensor, tensors

ALL = list(Datatype)
TYPED = [datatype for datatype in Datatype if datatype in FIELDS]
Given = tuple[Column, list[int], list[Any], list[Any]]


@given(tensors(ALL))
def test_raw_elements_are_rows(drawn: Given) -> None:
    column, shape, nested, flat = drawn
    raw = encode(flat, column.datatype)
    asked = request(tensor("x", column.datatype, shape), raw=[raw])
    read = inputs.read(asked, plan(x=column))
    assert read.rows == shape[0]
    assert read["x"].shape == column.shape
    assert read["x"].tolist() == nested
    read["x"].check()


@given(tensors(TYPED))
def test_typed_elements_are_rows(drawn: Given) -> None:
    column, shape, nested, flat = drawn
    read = inputs.read(request(tensor("x", column.datatype, shape, flat)), plan(x=column))
    assert read["x"].tolist() == nested
    read["x"].check()


def written(batch: Batch, names: Sequence[str], *, as_typed: bool) -> pb.ModelInferResponse:
    response = pb.ModelInferResponse()
    outputs.write(batch, names, response, as_typed=as_typed)
    return response


@given(tensors(ALL))
def test_rows_are_written_raw(drawn: Given) -> None:
    column, shape, nested, flat = drawn
    x = Tensor.pack(nested, column.datatype, column.shape)
    response = written(Batch(rows=shape[0], columns={"x": x}), ["x"], as_typed=False)
    (output,) = response.outputs
    assert (output.name, output.datatype) == ("x", column.datatype)
    assert list(output.shape) == shape
    assert list(response.raw_output_contents) == [encode(flat, column.datatype)]
    assert not output.HasField("contents")


@given(tensors(TYPED))
def test_rows_are_written_typed(drawn: Given) -> None:
    column, shape, nested, flat = drawn
    x = Tensor.pack(nested, column.datatype, column.shape)
    response = written(Batch(rows=shape[0], columns={"x": x}), ["x"], as_typed=True)
    (output,) = response.outputs
    assert list(output.shape) == shape
    assert list(getattr(output.contents, FIELDS[column.datatype])) == flat
    assert not response.raw_output_contents


def test_a_slice_of_rows_is_written_as_it_is() -> None:
    """Slices share the data of the batch that they come from."""
    texts = Tensor.pack([[b"a", b"bc"], [b"d", b""], [b"ef", b"g"]], Datatype.BYTES, (2,))
    part = Batch(rows=3, columns={"x": texts}).slice(1, 3)
    response = written(part, ["x"], as_typed=False)
    assert response.raw_output_contents[0] == encode([b"d", b"", b"ef", b"g"], "BYTES")


def test_types_without_a_field_make_the_whole_reply_raw() -> None:
    columns = {
        "half": Tensor.pack([1.5], Datatype.FP16),
        "text": Tensor.texts([b"a"]),
    }
    response = written(Batch(rows=1, columns=columns), ["half", "text"], as_typed=True)
    assert list(response.raw_output_contents) == [encode([1.5], "FP16"), encode([b"a"], "BYTES")]


def test_rows_of_different_lengths_cannot_be_written() -> None:
    ragged = Tensor.pack([[1], [2, 3]], Datatype.INT64, (-1,))
    with pytest.raises(ConvoyError) as caught:
        written(Batch(rows=2, columns={"x": ragged}), ["x"], as_typed=False)
    assert (caught.value.code, caught.value.reason) == (Code.FAILED_PRECONDITION, "RAGGED_OUTPUT")


def test_rows_of_different_lengths_may_be_left_out() -> None:
    columns = {
        "x": Tensor.pack([[1], [2, 3]], Datatype.INT64, (-1,)),
        "y": Tensor.pack([1, 2], Datatype.INT64),
    }
    response = written(Batch(rows=2, columns=columns), ["y"], as_typed=True)
    assert [output.name for output in response.outputs] == ["y"]


def test_degraded_steps_are_named() -> None:
    degradations = (Degradation("rank", "BUDGET_EXCEEDED", (0,)), Degradation("click", "X", (0,)))
    columns = {"x": Tensor.pack([1], Datatype.INT64)}
    batch = Batch(rows=1, columns=columns, degradations=degradations)
    response = written(batch, ["x"], as_typed=False)
    assert response.parameters["convoy_degraded"].string_param == "click,rank"


def test_a_scalar_may_be_written_as_tritons_models_do() -> None:
    read = inputs.read(request(tensor("x", "BYTES", [2, 1], [b"a", b"b"])), plan(x=Column("BYTES")))
    assert read["x"].tolist() == [b"a", b"b"]


def test_optional_inputs_may_be_left_out() -> None:
    given = request(tensor("x", "INT64", [2], [1, 2]))
    read = inputs.read(given, plan(x=Column("INT64"), y=Column("INT64", default=7)))
    assert read["y"].tolist() == [7, 7]


X = Column("INT64")
VECTOR = Column("FP32", [2])
TEXT = Column("BYTES")
TEXTS = Column("BYTES", [-1])


@pytest.mark.parametrize(
    ("given", "columns", "field"),
    [
        (request(), {"x": X}, "inputs"),
        (request(), {"x": Column("INT64", default=1)}, "inputs"),
        (
            request(tensor("y", "INT64", [1], [1])),
            {"x": Column("INT64", default=1)},
            "inputs[0].name",
        ),
        (
            request(tensor("x", "INT64", [1], [1]), tensor("x", "INT64", [1], [1])),
            {"x": X},
            "inputs[1].name",
        ),
        (request(tensor("x", "FP32", [1], [1])), {"x": X}, "inputs[0].datatype"),
        (request(tensor("x", "", [1])), {"x": X}, "inputs[0].datatype"),
        (request(tensor("x", "INT64", [], [1])), {"x": X}, "inputs[0].shape"),
        (request(tensor("x", "INT64", [0])), {"x": X}, "inputs[0].shape"),
        (request(tensor("x", "INT64", [-1], [1])), {"x": X}, "inputs[0].shape"),
        (request(tensor("x", "INT64", [1, 2], [1, 2])), {"x": X}, "inputs[0].shape"),
        (request(tensor("x", "INT64", [65536])), {"x": X}, "inputs[0].shape"),
        (request(tensor("x", "FP32", [1, 3], [1, 2, 3])), {"x": VECTOR}, "inputs[0].shape"),
        (request(tensor("x", "BYTES", [1], [b"a"])), {"x": TEXTS}, "inputs[0].shape"),
        (request(tensor("x", "BYTES", [1, -1])), {"x": TEXTS}, "inputs[0].shape"),
        (request(tensor("x", "BYTES", [2**62, 0])), {"x": TEXTS}, "inputs[0].shape"),
        (
            request(tensor("x", "INT64", [1], [1]), tensor("y", "INT64", [2], [1, 2])),
            {"x": X, "y": X},
            "inputs[1].shape",
        ),
        (request(tensor("x", "INT64", [2], [1])), {"x": X}, "inputs[0].contents"),
        (request(tensor("x", "INT64", [2])), {"x": X}, "inputs[0].contents"),
        (
            request(tensor("x", "BYTES", [1, 2**62])),
            {"x": TEXTS},
            "inputs[0].contents",
        ),
        (request(tensor("x", "INT8", [1], [128])), {"x": Column("INT8")}, "inputs[0].contents"),
        (request(tensor("x", "UINT8", [1], [256])), {"x": Column("UINT8")}, "inputs[0].contents"),
        (request(tensor("x", "FP16", [1])), {"x": Column("FP16")}, "inputs[0].contents"),
        (
            request(tensor("x", "FP32", [1, 2], [0, float("inf")])),
            {"x": Column("FP32", [2], finite=True)},
            "inputs[0].contents",
        ),
        (
            request(tensor("x", "FP16", [1]), raw=[encode([float("nan")], "FP16")]),
            {"x": Column("FP16", finite=True)},
            "raw_input_contents[0]",
        ),
        (
            request(
                pb.ModelInferRequest.InferInputTensor(
                    name="x",
                    datatype="INT64",
                    shape=[1],
                    contents=pb.InferTensorContents(int64_contents=[1], int_contents=[1]),
                )
            ),
            {"x": X},
            "inputs[0].contents",
        ),
        (
            request(tensor("x", "INT64", [1], [1]), raw=[encode([1], "INT64")]),
            {"x": X},
            "inputs[0].contents",
        ),
        (request(tensor("x", "INT64", [1]), raw=[b"", b""]), {"x": X}, "raw_input_contents"),
        (request(tensor("x", "INT64", [1]), raw=[bytes(7)]), {"x": X}, "raw_input_contents[0]"),
        (request(tensor("x", "INT64", [1]), raw=[bytes(16)]), {"x": X}, "raw_input_contents[0]"),
        (request(tensor("x", "BYTES", [1]), raw=[b"\1\0\0"]), {"x": TEXT}, "raw_input_contents[0]"),
        (
            request(tensor("x", "BYTES", [1]), raw=[b"\2\0\0\0a"]),
            {"x": TEXT},
            "raw_input_contents[0]",
        ),
        (
            request(tensor("x", "BYTES", [2]), raw=[b"\4\0\0\0aaaa"]),
            {"x": TEXT},
            "raw_input_contents[0]",
        ),
        (
            request(tensor("x", "BYTES", [1]), raw=[b"\1\0\0\0ab"]),
            {"x": TEXT},
            "raw_input_contents[0]",
        ),
        (
            request(tensor("x", "BYTES", [1, 2**62]), raw=[b""]),
            {"x": TEXTS},
            "raw_input_contents[0]",
        ),
        (
            request(
                tensor("t", "BYTES", [1]),
                tensor("x", "BOOL", [1]),
                raw=[b"\0\0\0\0", b"\2"],
            ),
            {"t": TEXT, "x": Column("BOOL")},
            "raw_input_contents[1]",
        ),
    ],
)
def test_a_faulty_input_is_refused_by_field(
    given: pb.ModelInferRequest, columns: dict[str, Column], field: str
) -> None:
    with pytest.raises(ConvoyError) as caught:
        inputs.read(given, plan(**columns))
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert [violation.field for violation in caught.value.violations] == [field]


@pytest.mark.parametrize("raw", [True, False])
def test_values_that_a_column_refuses_are_refused_here_too(raw: bool) -> None:
    values = [1.0, float("nan")]
    given = request(
        tensor("x", "FP32", [2], None if raw else values),
        raw=[encode(values, "FP32")] if raw else [],
    )
    with pytest.raises(ConvoyError) as caught:
        inputs.read(given, plan(x=Column("FP32", finite=True)))
    field = "raw_input_contents[0]" if raw else "inputs[0].contents"
    assert [violation.field for violation in caught.value.violations] == [field]


def test_every_faulty_input_is_named() -> None:
    given = request(tensor("x", "INT64", [2], [1]), tensor("z", "INT64", [1], [1]))
    with pytest.raises(ConvoyError) as caught:
        inputs.read(given, plan(x=X, y=X))
    fields = [violation.field for violation in caught.value.violations]
    assert fields == ["inputs[0].contents", "inputs[1].name", "inputs"]


def test_a_request_has_no_more_rows_than_may_wait() -> None:
    given = request(tensor("x", "INT64", [4], [1, 2, 3, 4]))
    with pytest.raises(ConvoyError) as caught:
        inputs.read(given, plan(Limits(rows=3), x=X))
    assert caught.value.violations[0].field == "inputs[0].shape"

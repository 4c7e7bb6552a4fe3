"""One bad row fails one row, never its neighbours."""

import logging
from collections.abc import Callable
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convoy import Batch, Code, ConvoyError, Datatype, Tensor
from convoy_services.mesh.bisect import Bisection
from convoy_services.mesh.column import Column, Columns
from tests.unit.mesh.hosted import numbers

Y = Columns(y=Column("INT64"))
SECRET = "secret: /home/someone"


class Process:
    """Gives y = 10 x, raises where a batch holds a bad number."""

    def __init__(self, *bad: int) -> None:
        self.bad = set(bad)
        self.calls = 0

    def __call__(self, batch: Batch) -> Batch:
        self.calls += 1
        x = batch["x"].array
        if self.bad & set(x.tolist()):
            raise RuntimeError(SECRET)
        return Y.pack(rows=batch.rows, y=x * 10)


def bisect(process: Callable[[Batch], Batch], rows: int, *, retry: bool = True) -> Batch:
    result, _ = Bisection("rank", process, Y, retry=retry).run(numbers(*range(rows)))
    assert result.rows == result["y"].rows == rows
    return result


@pytest.mark.parametrize(
    ("rows", "bad"), [(rows, bad) for rows in range(1, 10) for bad in range(rows)]
)
def test_a_bad_row_fails_alone(rows: int, bad: int) -> None:
    process = Process(bad)
    result = bisect(process, rows)
    assert list(result.failures) == [bad]
    values = result["y"].tolist()
    assert [v for row, v in enumerate(values) if row != bad] == [
        10 * row for row in range(rows) if row != bad
    ]
    assert process.calls <= 1 + 2 * ceil(log2(max(rows, 1)))


@given(st.integers(1, 64), st.data())
def test_a_few_bad_rows_fail_and_no_others(rows: int, data: st.DataObject) -> None:
    bad = data.draw(st.sets(st.integers(0, rows - 1), max_size=3))
    result = bisect(Process(*bad), rows)
    assert set(result.failures) == bad
    for row in set(range(rows)) - bad:
        assert result["y"].tolist()[row] == 10 * row


def test_no_bad_row_costs_one_call() -> None:
    process = Process()
    assert not bisect(process, 9).failures
    assert process.calls == 1


@pytest.mark.parametrize("rows", [*range(1, 10), 64, 256])
def test_a_broken_stage_fails_all_rows_after_few_calls(rows: int) -> None:
    process = Process(*range(rows))
    assert set(bisect(process, rows).failures) == set(range(rows))
    # Two levels of halves and the whole; up to seven rows the parts of the second level are
    # no four that could be halved again.
    assert process.calls <= (7 if rows >= 8 else 13)


def test_a_stage_that_fails_in_every_quarter_is_held_to_be_broken() -> None:
    process = Process(0, 4, 8, 12)
    assert set(bisect(process, 16).failures) == set(range(16))
    assert process.calls == 7


@pytest.mark.parametrize("rows", [1, 2, 9])
def test_a_stage_with_side_effects_is_never_tried_again(rows: int) -> None:
    process = Process(0)
    assert set(bisect(process, rows, retry=False).failures) == set(range(rows))
    assert process.calls == 1


def test_the_splits_are_counted() -> None:
    _, splits = Bisection("rank", Process(3), Y, retry=True).run(numbers(*range(4)))
    assert splits == 2
    _, splits = Bisection("rank", Process(), Y, retry=True).run(numbers(*range(4)))
    assert splits == 0


def one_too_many(batch: Batch) -> Batch:
    return Y.pack(rows=batch.rows + 1, y=[0] * (batch.rows + 1))


def no_columns(batch: Batch) -> Batch:
    return Batch(rows=batch.rows)


def another_type(batch: Batch) -> Batch:
    return Batch(rows=batch.rows, columns={"y": Tensor.pack([0.0] * batch.rows, Datatype.FP32)})


def another_shape(batch: Batch) -> Batch:
    tensor = Tensor.pack([[0]] * batch.rows, Datatype.INT64, (1,))
    return Batch(rows=batch.rows, columns={"y": tensor})


def too_short_a_column(batch: Batch) -> Batch:
    return Batch(rows=batch.rows, columns={"y": Tensor.pack([], Datatype.INT64)})


def nothing(batch: Batch) -> Batch:
    return None  # type: ignore[return-value]


def a_failure_of_no_row(batch: Batch) -> Batch:
    error = ConvoyError(Code.ABORTED, "no")
    return Y.pack(rows=batch.rows, y=[0] * batch.rows, failures={batch.rows: error})


@pytest.mark.parametrize(
    "process",
    [
        Process(0, 1, 2),
        one_too_many,
        no_columns,
        another_type,
        another_shape,
        too_short_a_column,
        nothing,
        a_failure_of_no_row,
    ],
)
def test_a_fault_tells_the_caller_an_id_and_the_log_the_rest(
    process: Callable[[Batch], Batch], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    result = bisect(process, 3)
    assert set(result.failures) == {0, 1, 2}
    for error in result.failures.values():
        assert error.code is Code.INTERNAL
        assert error.stage == "rank"
        assert error.metadata["id"] in error.message
        assert error.metadata["id"] in caplog.text
        assert "secret" not in str(error)
        assert "rows" not in error.message
        assert error.__cause__ is None


def test_an_error_that_the_stage_chose_reaches_the_caller_with_its_name() -> None:
    def refuse(batch: Batch) -> Batch:
        raise ConvoyError(Code.UNAVAILABLE, "later", "NO_GPU", retry_after=2.0)

    error = bisect(refuse, 2).failures[1]
    assert (error.code, error.reason, error.stage) == (Code.UNAVAILABLE, "NO_GPU", "rank")
    assert error.retry_after == 2.0


def test_rows_that_the_stage_itself_fails_keep_their_place_in_halves() -> None:
    def process(batch: Batch) -> Batch:
        x = batch["x"].array.tolist()
        if 0 in x:
            raise RuntimeError
        refused = {row: ConvoyError(Code.OUT_OF_RANGE, "") for row, v in enumerate(x) if v == 6}
        return Y.pack(rows=batch.rows, y=x, failures=refused)

    failures = bisect(process, 8).failures
    assert {row: error.code for row, error in failures.items()} == {
        0: Code.INTERNAL,
        6: Code.OUT_OF_RANGE,
    }


def test_columns_that_the_stage_did_not_declare_do_not_come_out() -> None:
    def process(batch: Batch) -> Batch:
        return Batch(rows=batch.rows, columns={"y": batch["x"], "x": batch["x"]})

    assert list(bisect(process, 2).columns) == ["y"]

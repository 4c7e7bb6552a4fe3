"""What the record stage keeps, row by row."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from convoy import Code, ConvoyError
from convoy_services.recommendation import Features, Record

NOW = time.time_ns() // 1000


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/events.db"


@pytest.fixture
def record(store: str) -> Iterator[Record]:
    stage = Record(store=store)
    stage.load()
    yield stage
    stage.close()


@pytest.fixture
def features(store: str) -> Iterator[Features]:
    stage = Features(store=store)
    stage.load()
    yield stage
    stage.close()


def events(**columns: list[float]) -> dict[str, object]:
    rows = len(next(iter(columns.values())))
    some = {"user": [5], "item": [7], "kind": [2], "seconds": [0.0], "time": [NOW]}
    return {name: np.array(columns.get(name, value * rows)) for name, value in some.items()}


def batch(stage: Record, **columns: list[float]):  # type: ignore[no-untyped-def]
    given = {
        name: np.asarray(value, {"kind": np.uint8, "seconds": np.float32}.get(name, np.int64))
        for name, value in events(**columns).items()
    }
    return stage.consumes.pack(rows=len(given["user"]), **given)


def past(features: Features, *users: int) -> list[list[int]]:
    row = features.consumes.complete(
        features.consumes.pack(
            rows=len(users),
            **{
                name: np.array(users)
                if name == "user"
                else column.repeat(column.default, len(users))
                for name, column in features.consumes.items()
            },
        )
    )
    return features.process(row)["past"].tolist()


def test_what_is_kept_is_read_at_once(record: Record, features: Features) -> None:
    result = record.process(batch(record, user=[5, 6, 5], item=[1, 2, 3], time=[NOW, NOW, NOW + 1]))
    assert result["kept"].tolist() == [True] * 3
    assert past(features, 5, 6, 7, 5) == [[3, 1], [2], [], [3, 1]]


@pytest.mark.parametrize(
    "faulty",
    [
        {"user": 0},
        {"item": -1},
        {"kind": 4},
        {"kind": 0},
        {"seconds": -1},
        {"time": -1},
        {"time": NOW + 10**11},
    ],
)
def test_a_row_that_is_no_event_fails_alone(
    record: Record, features: Features, faulty: dict[str, float]
) -> None:
    some = {"user": 5, "item": 7, "kind": 2, "seconds": 0.0, "time": NOW}
    rows = {name: [value, {**some, **faulty}[name]] for name, value in some.items()}
    result = record.process(batch(record, **rows))
    assert {row: error.code for row, error in result.failures.items()} == {1: Code.INVALID_ARGUMENT}
    assert past(features, 5) == [[7]]


def test_without_its_store_every_row_fails_and_may_be_sent_again(
    record: Record, tmp_path: Path
) -> None:
    record.process(batch(record, item=[1]))
    (tmp_path / "events.db").rename(tmp_path / "away.db")
    result = record.process(batch(record, item=[1, 2]))
    assert {error.code for error in result.failures.values()} == {Code.UNAVAILABLE}
    assert all(error.retry_after for error in result.failures.values())
    assert len(result.failures) == 2


def test_a_reader_without_its_store_takes_everybody_for_new_and_says_so(
    record: Record, features: Features, tmp_path: Path
) -> None:
    record.process(batch(record, item=[1]))
    (tmp_path / "events.db").rename(tmp_path / "away.db")
    defaults = {
        name: column.repeat(column.default, 3) for name, column in features.consumes.items()
    }
    defaults["user"] = np.array([5, 0, 6])
    defaults["history"] = [[9, 8], [4], []]
    result = features.process(features.consumes.pack(rows=3, **defaults))
    assert result["past"].tolist() == [[9, 8], [4], []]
    (degradation,) = result.degradations
    assert (degradation.reason, degradation.rows) == ("STORE_UNAVAILABLE", (0, 2))


def test_a_history_that_is_given_stands_in_for_the_stores(
    record: Record, features: Features
) -> None:
    record.process(batch(record, item=[1]))
    columns = {name: column.repeat(column.default, 2) for name, column in features.consumes.items()}
    columns |= {"user": np.array([5, 5]), "history": [[9, 8], []], "query": ["a cat", ""]}
    result = features.process(features.consumes.pack(rows=2, **columns))
    assert result["past"].tolist() == [[9, 8], [1]]
    assert result["seen"].tolist() == [[1], [1]]
    assert result["has_query"].tolist() == [True, False]
    assert result["recalls"].tolist() == [True, True]


def test_times_and_numbers_that_no_clock_and_no_model_knows_do_no_harm(features: Features) -> None:
    columns = {name: column.repeat(column.default, 2) for name, column in features.consumes.items()}
    columns |= {
        "time": np.array([2**62, -(2**62)]),
        "tags": [[b"\xff\xfe"], []],
        "number_names": [["a", "b", "c"], []],
        "numbers": [[3e38, -1e-45, 0.0], []],
    }
    result = features.process(features.consumes.pack(rows=2, **columns))
    assert np.isfinite(result["context_weight"].array).all()
    assert not result.failures


def test_numbers_without_a_name_are_refused(features: Features) -> None:
    columns = {name: column.repeat(column.default, 1) for name, column in features.consumes.items()}
    with pytest.raises(ConvoyError, match="numbers: its rows are not as long"):
        features.process(features.consumes.pack(rows=1, **{**columns, "numbers": [[1.0]]}))

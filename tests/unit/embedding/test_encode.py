"""The stage around an engine: every row is encoded once, whatever the cut."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from convoy import Batch, Code, Datatype, Tensor
from convoy_services.embedding import encode
from convoy_services.embedding.encode import Encode, pad


class Engine:
    """Gives for each row how many tokens it has, the first, the last and their sum."""

    dimensions = 4
    precision = "float32"

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def encode(
        self, input_ids: NDArray[np.int64], attention_mask: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        assert input_ids.shape == attention_mask.shape
        self.shapes.append(input_ids.shape)
        lengths = attention_mask.sum(axis=1)
        last = input_ids[np.arange(len(input_ids)), lengths - 1]
        total = (input_ids * attention_mask).sum(axis=1)
        return np.stack([lengths, input_ids[:, 0], last, total], axis=1).astype(np.float32)


@pytest.fixture
def opened() -> dict[str, Any]:
    return {}


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: dict[str, Any]) -> Any:
    """Make a loaded stage over the engine above."""
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 4}))

    def open_engine(name: str, model: str, precision: str, threads: int, device: str) -> Engine:
        opened.update(name=name, model=model, precision=precision, threads=threads, device=device)
        opened["engine"] = Engine()
        return opened["engine"]

    monkeypatch.setattr(encode, "open_engine", open_engine)

    def stage(cpus: float = 1, gpus: float = 0, **given: Any) -> Encode:
        made = Encode(model=str(tmp_path), **given)
        made.cpus, made.gpus = cpus, gpus
        made.load()
        return made

    return stage


def tokens(*rows: list[int]) -> Batch:
    return Batch(rows=len(rows), columns={"input_ids": Tensor.pack(rows, Datatype.INT64, (-1,))})


ROWS = st.lists(st.lists(st.integers(1, 1000), min_size=1, max_size=40), min_size=1, max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS)
def test_every_row_gets_its_own_vector(make: Any, rows: list[list[int]]) -> None:
    result = make().process(tokens(*rows))
    assert result["pooled"].tolist() == [
        [len(row), row[0], row[-1], float(np.float32(sum(row)))] for row in rows
    ]
    assert not result.failures


def test_a_batch_is_encoded_in_one_call(make: Any, opened: dict[str, Any]) -> None:
    make().process(tokens([1, 2, 3], [4]))
    assert opened["engine"].shapes == [(2, 3)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, st.integers(1, 200))
def test_the_parts_keep_the_budget_of_tokens(make: Any, rows: list[list[int]], budget: int) -> None:
    parts = make(token_budget=budget).cut(tokens(*rows))
    assert sorted(row for part in parts for row in part.tolist()) == list(range(len(rows)))
    for part in parts:
        assert len(part) == 1 or len(part) * max(len(rows[row]) for row in part) <= budget


def test_rows_that_the_model_cannot_take_are_cut_too(make: Any) -> None:
    parts = make().cut(tokens([], [1] * 9000))
    assert sorted(row for part in parts for row in part.tolist()) == [0, 1]


def test_a_row_without_tokens_fails_alone(make: Any) -> None:
    result = make().process(tokens([1, 2], [], [3]))
    assert list(result.failures) == [1]
    assert result.failures[1].code is Code.INVALID_ARGUMENT
    assert [result["pooled"].tolist()[row][0] for row in (0, 2)] == [2, 1]


def test_rows_without_any_tokens_need_no_engine(make: Any, opened: dict[str, Any]) -> None:
    result = make().process(tokens([], []))
    assert set(result.failures) == {0, 1}
    assert opened["engine"].shapes == []


@pytest.mark.parametrize(
    ("cpus", "gpus", "threads", "device"),
    [(1, 0, 1, "cpu"), (4, 0, 4, "cpu"), (0.5, 0, 1, "cpu"), (2.9, 0.5, 2, "cuda")],
)
def test_threads_and_device_are_what_the_replica_has(
    make: Any, opened: dict[str, Any], cpus: float, gpus: float, threads: int, device: str
) -> None:
    make(cpus, gpus, engine="openvino", precision="bfloat16")
    assert (opened["threads"], opened["device"]) == (threads, device)
    assert (opened["name"], opened["precision"]) == ("openvino", "bfloat16")


def test_warming_encodes_before_the_first_caller(make: Any, opened: dict[str, Any]) -> None:
    make().warm()
    assert opened["engine"].shapes


def test_the_length_of_the_vectors_is_known_before_the_model_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 7}))
    assert Encode(model=str(tmp_path)).produces["pooled"].shape == (7,)


def test_rows_are_padded_to_the_longest_of_those_taken() -> None:
    ids, mask = pad(tokens([1], [2, 3, 4], [5, 6])["input_ids"], np.array([2, 0]))
    assert ids.tolist() == [[5, 6], [1, 0]]
    assert mask.tolist() == [[1, 1], [1, 0]]


@pytest.mark.parametrize("tokens", [[-1], [7], [2**63 - 1], [1] * 6])
def test_tokens_that_the_model_has_not_fail_their_row_alone(
    tmp_path: Path, tokens: list[int]
) -> None:
    """An engine would read memory beyond its table."""
    config = {"hidden_size": 4, "vocab_size": 7, "max_position_embeddings": 5}
    (tmp_path / "config.json").write_text(json.dumps(config))
    stage = Encode(model=str(tmp_path))
    rows = Tensor.pack([[1, 6], tokens, [], [0]], Datatype.INT64, (-1,))
    assert stage._fits(rows).tolist() == [True, False, False, True]

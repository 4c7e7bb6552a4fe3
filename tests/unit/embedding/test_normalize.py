"""Vectors as the caller wants them."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convoy import Batch, Code
from convoy_services.embedding.normalize import Normalize


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Normalize:
    folder = tmp_path_factory.mktemp("model")
    (folder / "config.json").write_text(json.dumps({"hidden_size": 4}))
    return Normalize(model=str(folder))


def normalize(stage: Normalize, vectors: Any, dimensions: Any = None, units: Any = None) -> Batch:
    rows = len(vectors)
    columns = {"pooled": np.array(vectors, np.float32)}
    columns["dimensions"] = np.array(dimensions or [0] * rows, np.int32)
    columns["normalize"] = np.array([True] * rows if units is None else units)
    return stage.process(stage.consumes.pack(rows=rows, **columns))


def test_vectors_get_length_one(stage: Normalize) -> None:
    result = normalize(stage, [[3, 4, 0, 0], [0, 0, 0, 2]])
    assert result["embedding"].tolist() == [pytest.approx([0.6, 0.8, 0, 0]), [0, 0, 0, 1]]


def test_dimensions_are_cut_first_and_are_zeros_after(stage: Normalize) -> None:
    result = normalize(stage, [[3, 4, 5, 6]] * 3, [2, 4, 0])
    short, full, default = result["embedding"].tolist()
    assert short == pytest.approx([0.6, 0.8, 0, 0])
    assert full == default == pytest.approx(list(np.array([3, 4, 5, 6]) / np.sqrt(86)))


def test_each_row_has_its_own_wishes(stage: Normalize) -> None:
    result = normalize(stage, [[3, 4, 5, 6]] * 2, [2, 3], [False, True])
    assert result["embedding"].tolist()[0] == [3, 4, 0, 0]
    assert np.linalg.norm(result["embedding"].tolist()[1]) == pytest.approx(1)


def test_a_vector_of_length_zero_stays_as_it_is(stage: Normalize) -> None:
    assert normalize(stage, [[0, 0, 0, 0]])["embedding"].tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize("refused", [-1, 5, 2**31 - 1, -(2**31)])
def test_dimensions_that_the_model_has_not_fail_their_row_alone(
    stage: Normalize, refused: int
) -> None:
    result = normalize(stage, [[3, 4, 0, 0]] * 3, [4, refused, 1])
    assert list(result.failures) == [1]
    error = result.failures[1]
    assert error.code is Code.INVALID_ARGUMENT
    assert error.violations[0].field == "dimensions"
    assert "1 to 4" in error.message
    assert result["embedding"].tolist()[2] == [1, 0, 0, 0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=4), max_size=8))
def test_every_vector_has_length_one_or_zero(stage: Normalize, vectors: list[list[float]]) -> None:
    embedding = normalize(stage, np.array(vectors, np.float32).reshape(-1, 4))["embedding"].array
    assert embedding.dtype == np.float32
    for length, vector in zip(np.linalg.norm(embedding, axis=1), vectors, strict=True):
        tiny = np.linalg.norm(np.array(vector, np.float32)) < 1e-15
        assert tiny or length == pytest.approx(1, abs=1e-5)

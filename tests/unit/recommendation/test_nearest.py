"""The index: exact for few, nearly so for many."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from convoy_services.recommendation.model.nearest import Nearest, recall


def clustered(count: int, seed: int = 0) -> NDArray[np.float32]:
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(50, 64))
    vectors = centres[chance.integers(0, 50, count)] + chance.normal(size=(count, 64))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("exact", [20_000, 1000])
def test_the_nearest_hundred_are_found(exact: int) -> None:
    vectors, queries = clustered(5000), clustered(50, seed=1)
    true = np.argsort(-(queries @ vectors.T), axis=1)[:, :100]
    rows, scores = Nearest.build(vectors, exact=exact).search(queries, 100)
    assert rows.dtype == np.int64
    assert scores.dtype == np.float32
    assert recall(rows, true) >= (1 if exact > 5000 else 0.95)


def test_where_there_are_fewer_rows_are_minus_one() -> None:
    rows, _ = Nearest.build(clustered(3)).search(clustered(2, seed=1), 5)
    assert (rows[:, 3:] == -1).all()
    assert (np.sort(rows[:, :3]) == [0, 1, 2]).all()


@pytest.mark.parametrize("exact", [20_000, 1000])
def test_an_index_read_again_finds_the_same(tmp_path: Path, exact: int) -> None:
    index, queries = Nearest.build(clustered(3000), exact=exact), clustered(20, seed=1)
    index.save(tmp_path, "vectors")
    again = Nearest.load(tmp_path, "vectors")
    assert len(again) == 3000
    np.testing.assert_array_equal(index.search(queries, 10)[0], again.search(queries, 10)[0])


def test_an_index_that_there_is_not_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"texts\.faiss"):
        Nearest.load(tmp_path, "texts")

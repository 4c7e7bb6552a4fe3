"""The models of a version, as stages call them."""

from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from convoy_services.mesh.repository import Repository
from convoy_services.recommendation.model.catalogue import Catalogue
from convoy_services.recommendation.model.context import BUCKETS
from convoy_services.recommendation.model.nearest import Nearest
from convoy_services.recommendation.model.ranker import Clicks, Constant, Dwell
from convoy_services.recommendation.model.tower import VECTOR, Tower
from convoy_services.recommendation.model.users import Users
from convoy_services.recommendation.model.version import Card, write_version


def row(users: Users, n: int) -> Users:
    """Give one of the users alone."""
    past = slice(users.past_splits[n], users.past_splits[n + 1])
    context = slice(users.context_splits[n], users.context_splits[n + 1])
    return Users(
        user=users.user[n : n + 1],
        past=users.past[past],
        past_dwell=users.past_dwell[past],
        past_splits=np.array([0, past.stop - past.start]),
        context=users.context[context],
        context_weight=users.context_weight[context],
        context_splits=np.array([0, context.stop - context.start]),
    )


def test_vectors_have_length_one_for_everybody(version: Path, users: Users) -> None:
    vectors = Tower.load(version, 1).embed(users)
    assert vectors.shape == (3, VECTOR)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_a_user_of_whom_nothing_is_known_gets_a_vector_and_predictions(
    version: Path, users: Users
) -> None:
    nobody = row(users, 2)
    items, splits = np.arange(20), np.array([0, 20])
    assert np.isfinite(Tower.load(version, 1).embed(nobody)).all()
    p = Clicks.load(version, 1).predict(nobody, items, splits)
    seconds = Dwell.load(version, 1).predict(nobody, items, splits)
    assert ((p > 0) & (p < 1)).all()
    assert (np.isfinite(seconds) & (seconds > 0)).all()
    assert len(np.unique(p)) > 1


def test_unknown_items_of_the_past_change_nothing(version: Path, users: Users) -> None:
    named = row(users, 1)
    assert named.past[0] == 10**12
    without = replace(
        named,
        past=named.past[1:],
        past_dwell=named.past_dwell[1:],
        past_splits=np.array([0, len(named.past) - 1]),
    )
    tower = Tower.load(version, 1)
    np.testing.assert_array_equal(tower.embed(named), tower.embed(without))


def test_what_a_user_did_changes_what_they_get(version: Path, users: Users) -> None:
    tower = Tower.load(version, 1)
    assert abs(tower.embed(row(users, 0)) - tower.embed(row(users, 2))).max() > 0.01


@pytest.mark.parametrize("kind", [Clicks, Dwell])
def test_the_predictions_of_a_row_depend_on_no_other_row(
    version: Path, users: Users, kind: type[Clicks] | type[Dwell]
) -> None:
    ranker = kind.load(version, 1)
    items = np.concatenate([np.arange(40), np.arange(7), [3, -1, 250]])
    splits = np.array([0, 40, 47, 50])
    together = ranker.predict(users, items, splits)
    assert together.dtype == np.float32
    for n in range(3):
        own = slice(splits[n], splits[n + 1])
        count = np.array([0, own.stop - own.start])
        alone = ranker.predict(row(users, n), items[own], count)
        np.testing.assert_allclose(together[own], alone, rtol=1e-4)


def test_a_row_without_candidates_is_passed_over(version: Path, users: Users) -> None:
    clicks = Clicks.load(version, 1)
    some = clicks.predict(users, np.array([1, 2]), np.array([0, 1, 1, 2]))
    assert len(some) == 2
    assert len(clicks.predict(users, np.empty(0, np.int64), np.zeros(4, np.int64))) == 0


@pytest.mark.parametrize(("kind", "prior"), [(Clicks, "p_click"), (Dwell, "dwell")])
def test_an_item_that_there_is_not_gets_the_prior(
    version: Path, users: Users, kind: type[Clicks] | type[Dwell], prior: str
) -> None:
    told = kind.load(version, 1).predict(row(users, 0), np.array([-1, 0]), np.array([0, 2]))
    assert told[0] == np.float32(Card.load(version).priors[prior])


def test_a_version_without_play_times_predicts_its_prior(
    version: Path, users: Users, tmp_path: Path
) -> None:
    Card.load(version).save(tmp_path)
    dwell = Dwell.load(tmp_path, 1)
    assert isinstance(dwell, Constant)
    told = dwell.predict(users, np.array([1, 2]), np.array([0, 1, 2, 2]))
    assert told.tolist() == [np.float32(Card.load(version).priors["dwell"])] * 2


def test_a_version_loads_as_it_was_saved(version: Path) -> None:
    vectors = np.load(version / "vectors.npy")
    assert len(vectors) == len(Catalogue.load(version)) == 300
    np.testing.assert_allclose(Tower.load(version, 1).vectors(), vectors, atol=1e-6)
    rows, scores = Nearest.load(version, "vectors").search(vectors[:5], 3)
    assert rows[:, 0].tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(scores[:, 0], 1, rtol=1e-5)


def test_versions_are_counted_on_and_a_failed_one_leaves_nothing(tmp_path: Path) -> None:
    card = Card(dataset="d", date="", seed=0, sizes={}, priors={}, metrics={}, data="", weights="")
    assert write_version(tmp_path, card.save).name == "1"
    (tmp_path / "notes").mkdir()

    def fail(folder: Path) -> None:
        (folder / "half").write_text("")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        write_version(tmp_path, fail)
    assert write_version(tmp_path, card.save).name == "2"
    assert Repository(tmp_path).versions() == ["1", "2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2", "notes"]
    assert Card.load(tmp_path / "2") == card


def test_a_card_of_another_kind_is_refused_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text("{}")
    with pytest.raises(ValueError, match=r"card\.json"):
        Card.load(tmp_path)


def test_what_the_training_never_met_says_nothing(version: Path, users: Users) -> None:
    """Its bucket held what it was born with, so that a huge number changed every prediction."""
    met = [
        f"{name}={value}"
        for name, values in (
            ("hour", range(24)),
            ("weekday", range(7)),
            ("device", ["phone", "tablet", "tv"]),
        )
        for value in values
    ]
    unmet = next(b for b in range(BUCKETS) if b not in {crc32(n.encode()) % BUCKETS for n in met})
    rows = len(users)
    more = replace(
        users,
        context=np.concatenate([users.context, np.full(1, unmet)]),
        context_weight=np.concatenate([users.context_weight, np.full(1, 88, np.float32)]),
        context_splits=np.append(users.context_splits[:-1], users.context_splits[-1] + 1),
    )
    items = np.arange(10)
    splits = np.append(np.zeros(rows, np.int64), 10)
    for model in (Clicks.load(version, 1), Dwell.load(version, 1)):
        told = [model.predict(given, items, splits) for given in (users, more)]
        np.testing.assert_allclose(told[0], told[1], rtol=1e-6)
    vectors = [Tower.load(version, 1).embed(given) for given in (users, more)]
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)

"""What both stores do."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convoy_services.recommendation.store import Events, FeatureStore, Kind, open_store
from tests.redis_server import WITHIN, RedisServer
from tests.unit.recommendation.store.conftest import Open
from tests.unit.recommendation.store.model import (
    SECOND,
    Event,
    Model,
    clicked,
    columns,
    history,
    seen,
    shown,
    watched,
)

NOW = 1_800_000_000 * SECOND
LEAST, MOST = -(1 << 63), (1 << 63) - 1


def users(*ids: int) -> np.ndarray:
    return np.array(ids, np.int64)


def test_a_history_is_newest_first_and_names_an_item_once(store: FeatureStore) -> None:
    store.record(columns([clicked(1, 10, 1), clicked(1, 11, 2), clicked(1, 10, 3)]))
    assert history(store.histories(users(1), 50), 0) == [(10, 3, 0.0), (11, 2, 0.0)]


def test_an_event_changes_the_very_next_history(open_one: Open) -> None:
    reader, writer = open_one(), open_one()
    for item in range(1, 20):
        writer.record(columns([clicked(1, item, item)]))
        assert history(reader.histories(users(1), 1), 0) == [(item, item, 0.0)]


def test_seconds_are_those_of_the_newest_watch(store: FeatureStore) -> None:
    store.record(columns([watched(1, 10, 1, 4.0), watched(1, 10, 2, 2.5), clicked(1, 10, 3)]))
    assert history(store.histories(users(1), 50), 0) == [(10, 3, 2.5)]


def test_what_was_shown_is_seen_but_is_no_history(store: FeatureStore) -> None:
    store.record(columns([shown(1, 10, 1), clicked(1, 11, 2), shown(1, 12, 3)]))
    told = store.histories(users(1), 50)
    assert history(told, 0) == [(11, 2, 0.0)]
    assert seen(told, 0) == [12, 11, 10]


def test_no_more_is_told_than_asked(store: FeatureStore) -> None:
    store.record(columns(clicked(user, item, item) for user in (1, 2) for item in range(1, 9)))
    told = store.histories(users(1, 2), 2, most_seen=3)
    assert [history(told, row) for row in (0, 1)] == [[(8, 8, 0.0), (7, 7, 0.0)]] * 2
    assert [seen(told, row) for row in (0, 1)] == [[8, 7, 6]] * 2


def test_a_user_may_be_in_several_rows_and_unknown_ones_in_others(store: FeatureStore) -> None:
    store.record(columns([clicked(1, 10, 1), clicked(2, 20, 2), clicked(0, 30, 3)]))
    told = store.histories(users(2, 0, 1, 404, 2), 50)
    rows = [[item for item, _, _ in history(told, row)] for row in range(5)]
    assert rows == [[20], [], [10], [], [20]]
    assert [seen(told, row) for row in range(5)] == rows


def test_there_may_be_no_rows(store: FeatureStore) -> None:
    told = store.histories(users(), 50)
    assert told.splits.tolist() == told.seen_splits.tolist() == [0]
    assert told.tags == []


@pytest.mark.parametrize("number", [LEAST, -1, MOST])
def test_ids_and_times_may_be_any_int64(store: FeatureStore, number: int) -> None:
    store.record(columns([clicked(number, number, number), clicked(number, 1, 1)]))
    told = store.histories(users(number), 50)
    assert sorted(history(told, 0)) == sorted([(number, number, 0.0), (1, 1, 0.0)])
    store.put_users(users(number), [["extreme"]])
    assert store.histories(users(number), 1).tags == [("extreme",)]
    assert number in store.popular(NOW, 2)[0]


def test_columns_keep_their_types(store: FeatureStore) -> None:
    store.record(columns([watched(1, 10, 1, 4.0)]))
    told = store.histories(users(1), 50)
    for column in (told.items, told.times, told.splits, told.seen, told.seen_splits):
        assert column.dtype == np.int64
    assert told.seconds.dtype == np.float32
    items, weights = store.popular(NOW, 5)
    assert (items.dtype, weights.dtype) == (np.int64, np.float32)


def test_tags_replace_those_before(store: FeatureStore) -> None:
    store.put_users(users(1, 2), [["country=de", "language=de"], ["country=fr"]])
    store.put_users(users(1, 1), [["first"], ["country=ÿ", "'\0\n"]])
    assert store.histories(users(2, 1, 3), 50).tags == [("country=fr",), ("country=ÿ", "'\0\n"), ()]
    store.put_users(users(1), [[]])
    store.put_users(users(), [])
    assert store.histories(users(1), 50).tags == [()]


def test_each_user_has_tags(store: FeatureStore) -> None:
    with pytest.raises(ValueError, match="shorter"):
        store.put_users(users(1, 2), [["country=de"]])
    assert store.histories(users(1), 50).tags == [()]


def test_a_batch_sent_again_changes_nothing(store: FeatureStore) -> None:
    batch = columns([clicked(1, 10, 1), watched(1, 10, 1, 3.0), shown(2, 11, 4)])
    store.record(batch)
    before = store.popular(NOW, 5)
    store.record(batch)
    store.record(columns([watched(1, 10, 1, 99.0)]))
    assert history(store.histories(users(1), 50), 0) == [(10, 1, 3.0)]
    assert [part.tolist() for part in store.popular(NOW, 5)] == [part.tolist() for part in before]


def test_a_full_trail_keeps_the_newest_and_takes_nothing_older(open_one: Open) -> None:
    """What was trimmed and is sent again would else be counted twice."""
    store = open_one(kept=3)
    batch = columns(clicked(1, item, item * SECOND) for item in (5, 4, 3, 2, 1))
    store.record(batch)
    items, weights = store.popular(NOW, 9)
    store.record(batch)
    assert seen(store.histories(users(1), 50), 0) == [5, 4, 3]
    assert store.popular(NOW, 9)[0].tolist() == items.tolist()
    np.testing.assert_array_equal(store.popular(NOW, 9)[1], weights)


def test_a_trail_shrinks_when_less_is_kept(open_one: Open) -> None:
    open_one(kept=9).record(columns(clicked(1, item, item) for item in range(1, 9)))
    store = open_one(kept=2)
    assert seen(store.histories(users(1), 50), 0) == [8, 7]
    store.record(columns([clicked(1, 9, 9)]))
    assert seen(open_one(kept=9).histories(users(1), 50), 0) == [9, 8]


def test_popularity_halves_in_a_half_life(open_one: Open) -> None:
    store = open_one(half_life=60.0)
    store.record(
        columns(
            [
                clicked(1, 10, NOW),
                watched(2, 10, NOW, 1.0),
                clicked(1, 11, NOW - 60 * SECOND),
                shown(1, 12, NOW),
            ]
        )
    )
    items, weights = store.popular(NOW, 5)
    assert items.tolist() == [10, 11]
    np.testing.assert_allclose(weights, [2, 0.5], rtol=1e-6)
    np.testing.assert_allclose(store.popular(NOW + 120 * SECOND, 5)[1], [0.5, 0.125], rtol=1e-6)


@pytest.mark.parametrize(("most", "items"), [(0, []), (2, [-5, 3]), (9, [-5, 3, 7, 8])])
def test_what_is_as_popular_goes_by_id(store: FeatureStore, most: int, items: list[int]) -> None:
    store.record(columns(clicked(user, item, NOW) for user, item in enumerate([7, 3, -5, 8])))
    assert store.popular(NOW, most)[0].tolist() == items


def test_no_weight_overflows(open_one: Open) -> None:
    store = open_one(half_life=0.001)
    store.record(columns([clicked(1, 1, MOST), clicked(1, 2, LEAST)]))
    items, weights = store.popular(NOW, 5)
    assert items.tolist() == [1, 2]
    assert np.isfinite(weights).all()


def test_what_was_recorded_is_there_when_opened_again(open_one: Open) -> None:
    store = open_one()
    store.record(columns([clicked(1, 10, NOW)]))
    store.put_users(users(1), [["country=de"]])
    store.close()
    store.close()
    told = open_one().histories(users(1), 50)
    assert (history(told, 0), told.tags) == ([(10, NOW, 0.0)], [("country=de",)])


def test_a_store_works_in_another_thread_than_the_one_that_opened_it(store: FeatureStore) -> None:
    with ThreadPoolExecutor(1) as compute:
        compute.submit(store.record, columns([clicked(1, 10, 1)])).result()
        assert seen(compute.submit(store.histories, users(1), 50).result(), 0) == [10]


def test_another_half_life_is_refused(open_one: Open) -> None:
    open_one(half_life=60.0)
    with pytest.raises(ValueError, match=r"half_life: this feature store counts with 60\.0"):
        open_one(half_life=61.0)


@pytest.mark.parametrize("wrong", [{"kept": 0}, {"half_life": 0.0}, {"half_life": float("nan")}])
def test_wrong_settings_are_refused_by_name(open_one: Open, wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=f"^{name}: "):
        open_one(**wrong)


ids = st.sampled_from([0, 1, 2, MOST])
moments = st.integers(-3, 3).map(lambda minutes: NOW + minutes * 20 * SECOND)
lengths = st.sampled_from([0.0, 1.5, 30.0])
an_event = st.builds(Event, ids, st.integers(-2, 4), st.sampled_from(Kind), moments, lengths)
batches = st.lists(st.lists(an_event, max_size=12), max_size=4)


@given(batches=batches, kept=st.integers(1, 8), most=st.integers(0, 5), most_seen=st.integers(0, 5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_answer_as_the_model(
    tmp_path: Path,
    shared_redis: RedisServer,
    batches: list[list[Event]],
    kept: int,
    most: int,
    most_seen: int,
) -> None:
    for file in tmp_path.iterdir():
        file.unlink()
    shared_redis.clear()
    model = Model(kept, 60.0)
    with (
        open_store(
            f"sqlite:///{tmp_path}/features.db", kept=kept, half_life=60.0, timeout=WITHIN
        ) as sqlite,
        open_store(shared_redis.url, kept=kept, half_life=60.0, timeout=WITHIN) as redis,
    ):
        for batch in batches:
            model.record(batch)
            for store in (sqlite, redis):
                store.record(columns(batch))
        for store in (sqlite, redis):
            rows = [1, 0, 2, MOST, 5, 1]
            told = store.histories(users(*rows), most, most_seen)
            assert [history(told, n) for n in range(6)] == [model.history(u, most) for u in rows]
            assert [seen(told, n) for n in range(6)] == [model.seen(u, most_seen) for u in rows]
            items, weights = store.popular(NOW, 100)
            expected = model.popular(NOW)
            assert set(items.tolist()) == set(expected)
            np.testing.assert_allclose(weights, [expected[item] for item in items], rtol=1e-5)
            assert items.tolist() == by_weight(expected)


def by_weight(weights: dict[int, float]) -> list[int]:
    return sorted(weights, key=lambda item: (-round(np.log2(weights[item]), 6), item))


def strange(**columns: Sequence[float]) -> dict[str, np.ndarray]:
    dtypes = {"user": "i8", "item": "i8", "kind": "u1", "seconds": "f4", "time": "i8"}
    return {name: np.array(columns.get(name, [0]), dtype) for name, dtype in dtypes.items()}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (strange(kind=[3]), "kind: there are 0 to 2"),
        (strange(seconds=[np.nan]), "seconds: must be finite"),
        (strange(item=[1, 2]), "of one length"),
        (strange(user=[]), "of one length"),
        (strange(item=[[1]]), "of one length"),
    ],
)
def test_columns_that_are_no_events_are_refused(wrong: dict[str, np.ndarray], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Events(**wrong)


@pytest.mark.parametrize("url", ["", "features.db", "sqlite:///", "sqlite://x", "http://u:pw@host"])
def test_another_url_is_refused_with_what_it_may_be(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///PATH, redis://") as caught:
        open_store(url)
    assert "pw" not in str(caught.value)

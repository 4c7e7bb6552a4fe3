"""What is told in advance of how long rows will take."""

from collections.abc import Iterable

import pytest

from convoy_services.mesh.pace import BRIEF, EVIDENCE, FRESH, LONGEST, UNKNOWN, WINDOW, Pace


def steady(*, full: bool = True, batches: int = 50) -> tuple[Pace, float]:
    """Let batches of 10 rows come back one by one, each 0.1 s after it left."""
    pace = Pace()
    for n in range(batches):
        pace.land(10, n / 10, (n + 1) / 10, full=full)
    return pace, batches / 10


def test_nothing_is_known_at_first() -> None:
    pace = Pace()
    assert pace.until_answer(10**6, 0.0) == 0
    assert pace.until_room(10**6) == UNKNOWN
    assert pace.batch(1e-3, 2) > 10**6


def test_the_time_until_there_is_room_follows_the_rate() -> None:
    pace, _ = steady()
    assert pace.until_room(50) == pytest.approx(0.5)
    assert pace.until_room(10**9) == LONGEST


def test_an_answer_takes_as_long_as_the_rows_ahead_and_the_flight_with_a_margin() -> None:
    pace, now = steady()
    assert pace.until_answer(90, now) == pytest.approx(1.25 * (0.9 + 0.1))


def test_batches_that_left_none_behind_do_not_say_what_is_too_much() -> None:
    pace, now = steady(full=False)
    assert pace.until_answer(10**6, now) == 0


def test_what_was_too_much_is_forgotten() -> None:
    pace, now = steady()
    assert pace.until_answer(10**6, now + 2 * FRESH) == 0


def test_a_batch_is_so_small_that_it_is_back_in_half_of_the_time_that_is_left() -> None:
    pace, _ = steady()
    assert pace.batch(2.0, 1) == pytest.approx(100, abs=1)
    assert pace.batch(2.0, 2) == pytest.approx(50, abs=1)
    assert pace.batch(1e-9, 2) == 1


def test_batches_that_waited_for_a_replica_to_start_say_nothing_of_the_next() -> None:
    """After a rolling update requests were refused for seconds, though the mesh was idle."""
    pace, now = steady()
    for _ in range(WINDOW // 2):
        pace.land(10, now, now + 8, full=True)
    assert pace.until_room(50) == pytest.approx(0.5)
    assert pace.until_answer(90, now + 8) == pytest.approx(1.25)


@pytest.mark.parametrize("slow", range(1, EVIDENCE))
def test_the_first_batches_may_be_slow(slow: int) -> None:
    """An ingress that had just started refused requests: its first batch had taken a second."""
    pace = Pace()
    for _ in range(slow):
        pace.land(1, 0.0, 1.5, full=True)
    assert pace.until_answer(500, 1.5) == 0
    for n in range(EVIDENCE):
        pace.land(10, 1.5 + n / 100, 1.51 + n / 100, full=True)
    assert pace.until_answer(500, 1.55) == pytest.approx(1.25 * 0.51)


def test_batches_that_were_under_way_at_the_same_time_tell_of_one_moment() -> None:
    """During a rolling update a new ingress refused requests that had 20 s left."""
    pace = Pace()
    for n in range(WINDOW):
        pace.land(1, n / 100, 8 + n / 100, full=True)
    assert pace.until_answer(500, 8.2) == 0


def test_a_pipeline_that_takes_as_long_for_few_rows_as_for_many_is_not_taken_for_slow() -> None:
    pace, now = steady(full=False)
    for n in range(EVIDENCE):
        pace.land(1000, now + n / 10, now + (n + 1) / 10, full=True)
    assert pace.until_room(1000) == pytest.approx(0.1)


def test_a_pipeline_that_has_become_slow_is_believed() -> None:
    pace, now = steady()
    for n in range(WINDOW):
        pace.land(10, now + n, now + n + 1, full=True)
    assert pace.until_room(50) == pytest.approx(5)


def test_rows_that_were_too_late_to_be_computed_tell_nothing() -> None:
    pace, now = steady()
    for n in range(WINDOW):
        pace.land(0, now + n / 1000, now + (n + 1) / 1000, full=True)
    assert pace.until_room(50) == pytest.approx(0.5)


def loaded(overhead: float, each: float, sizes: Iterable[int]) -> Pace:
    """Let batches of such sizes come back that take so many seconds, and so many more a row."""
    pace, now = Pace(), 0.0
    for rows in sizes:
        seconds = overhead + each * rows
        pace.land(rows, now, now + seconds, full=True)
        now += seconds
    return pace


def test_urgent_rows_wait_for_a_brief_batch_only() -> None:
    assert loaded(0.0, 0.01, (3, 7, 5)).beside_urgent(0) == pytest.approx(BRIEF / 0.01, abs=1)
    assert loaded(0.0, 1.0, (3, 7, 5)).beside_urgent(0) == 1


def test_others_travel_with_the_urgent_for_what_the_batch_costs_by_itself() -> None:
    assert loaded(0.0, 0.01, (3, 7, 5)).beside_urgent(1) == 0
    assert loaded(0.05, 0.01, (3, 7, 5)).beside_urgent(1) == pytest.approx(4, abs=1)


def test_batches_grow_where_that_costs_little() -> None:
    assert loaded(0.1, 0.0001, (1, 2, 4)).batch(0.1, 1) == 8
    assert loaded(0.1, 0.0001, (1, 2, 4)).until_answer(8, 0.4) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(("rows", "tried"), [(1, 2), (2, 1)])
def test_where_all_were_of_one_size_another_is_tried(rows: int, tried: int) -> None:
    assert loaded(0.1, 0.0, [rows] * WINDOW).batch(0.01, 1) == tried


def test_batches_that_take_no_time_at_all_are_not_bounded() -> None:
    assert loaded(0.0, 0.0, (1, 2, 4)).batch(0.1, 1) > 1000

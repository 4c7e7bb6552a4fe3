"""What is told in advance of how long rows will take."""

import pytest

from convoy_services.mesh.pace import BELIEVED, FULL, LONGEST, UNKNOWN, Pace


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
    assert pace.until_answer(10**6, now + 2 * FULL) == 0


def test_a_batch_is_so_small_that_it_is_back_in_half_of_the_time_that_is_left() -> None:
    pace, _ = steady()
    assert pace.batch(2.0, 1) == pytest.approx(100, abs=1)
    assert pace.batch(2.0, 2) == pytest.approx(50, abs=1)
    assert pace.batch(1e-9, 2) == 1


def test_batches_that_waited_for_a_replica_to_start_say_nothing_of_the_next() -> None:
    """After a rolling update requests were refused for seconds, though the mesh was idle."""
    pace, now = steady()
    for _ in range(BELIEVED - 1):
        pace.land(10, now, now + 8, full=True)
    assert pace.until_room(50) == pytest.approx(0.5)
    assert pace.until_answer(90, now) == pytest.approx(1.25)
    assert pace.until_answer(10**6, now + 8) == 0


def test_a_pipeline_that_has_become_slow_is_believed() -> None:
    pace, now = steady()
    for n in range(4 * BELIEVED):
        pace.land(10, now + n, now + n + 1, full=True)
    assert pace.until_room(50) == pytest.approx(5, rel=0.2)

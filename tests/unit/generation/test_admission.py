"""Room is given out in the order of arrival, and taken back."""

import pytest

from convoy import Code, ConvoyError
from convoy_services.generation.engines.admission import Admission


def admission(*, blocks: int = 10, sequences: int = 8, max_waiting: int = 8) -> Admission:
    return Admission(blocks=blocks, sequences=sequences, max_waiting=max_waiting)


def test_what_fits_runs_at_once() -> None:
    room = admission()
    assert room.ask("a", 4)
    assert room.ask("b", 6)
    assert (room.running, room.waiting, room.free_blocks) == (2, 0, 0)


def test_what_does_not_fit_waits_until_another_leaves() -> None:
    room = admission()
    room.ask("a", 8)
    assert not room.ask("b", 3)
    assert room.leave("a") == ["b"]
    assert (room.running, room.waiting, room.free_blocks) == (1, 0, 7)


def test_nobody_overtakes() -> None:
    room = admission()
    room.ask("a", 8)
    room.ask("long", 10)
    assert not room.ask("short", 1)
    assert room.leave("a") == ["long"]
    assert room.leave("long") == ["short"]


def test_several_are_admitted_by_one_that_leaves() -> None:
    room = admission()
    room.ask("a", 10)
    for key in "bcd":
        room.ask(key, 4)
    assert room.leave("a") == ["b", "c"]


def test_one_that_waits_may_leave_and_let_those_behind_it_in() -> None:
    room = admission()
    room.ask("a", 8)
    room.ask("long", 10)
    room.ask("short", 1)
    assert room.leave("long") == ["short"]
    assert room.free_blocks == 1


def test_no_more_sequences_run_than_a_step_computes() -> None:
    room = admission(sequences=2)
    assert [room.ask(key, 1) for key in "abc"] == [True, True, False]


def test_too_many_that_wait_are_refused() -> None:
    room = admission(max_waiting=1)
    room.ask("a", 10)
    room.ask("b", 1)
    with pytest.raises(ConvoyError) as caught:
        room.ask("c", 1)
    assert caught.value.code is Code.RESOURCE_EXHAUSTED
    assert caught.value.reason == "CACHE_FULL"
    assert caught.value.retry_after
    assert room.waiting == 1

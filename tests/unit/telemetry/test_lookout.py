"""One look a period, shared by all who watch."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from convoy_services.telemetry import lookout
from convoy_services.telemetry.look import Change, Look
from convoy_services.telemetry.lookout import Lookout

TIMEOUT = 20.0
"""Seconds; a deadline, never an expectation."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookout, "PERIOD", 0.01)


class Looks:
    """A counter that rises by one a look."""

    def __init__(self, fails_at: int = 1 << 30) -> None:
        self.taken = 0
        self._fails_at = fails_at

    def __call__(self) -> Look:
        self.taken += 1
        if self.taken == self._fails_at:
            raise OSError("no folder")
        return Look(float(self.taken), {"c": {frozenset(): float(self.taken)}})


async def take(watched: Lookout, count: int) -> list[Change]:
    taken: list[Change] = []
    async with asyncio.timeout(TIMEOUT), aclosing(watched.changes()) as changes:
        async for change in changes:
            taken.append(change)
            if len(taken) == count:
                break
    return taken


def pairs(changes: list[Change]) -> Iterator[tuple[float, float]]:
    return ((change.before.at, change.now.at) for change in changes)


async def test_each_change_begins_where_the_last_ended() -> None:
    assert list(pairs(await take(Lookout(Looks()), 3))) == [(1, 2), (2, 3), (3, 4)]


async def test_all_who_watch_share_the_looks() -> None:
    looks = Looks()
    watched = Lookout(looks)
    one, other = await asyncio.gather(take(watched, 5), take(watched, 5))
    assert list(pairs(one)) == list(pairs(other))
    assert looks.taken <= 7  # ten, were they not shared


async def test_nobody_looks_when_nobody_watches() -> None:
    looks = Looks()
    watched = Lookout(looks)
    await take(watched, 1)
    async with asyncio.timeout(TIMEOUT):
        await alone()
    assert looks.taken <= 3
    await take(watched, 1)  # it begins anew


async def alone() -> None:
    """Wait until no other task runs."""
    while asyncio.all_tasks() != {asyncio.current_task()}:  # noqa: ASYNC110 (others end)
        await asyncio.sleep(0)


async def test_a_look_that_fails_is_told_to_all_and_the_next_watcher_begins_anew() -> None:
    watched = Lookout(Looks(fails_at=3))
    results = await asyncio.gather(*(take(watched, 5) for _ in range(2)), return_exceptions=True)
    assert [type(result) for result in results] == [OSError, OSError]
    assert len(await take(watched, 2)) == 2


async def test_a_watcher_who_does_not_read_keeps_a_failed_look_for_nobody() -> None:
    """New watchers were told of it for as long as the slow one stayed."""
    watched = Lookout(Looks(fails_at=4))
    async with aclosing(watched.changes()) as slow:
        await anext(slow)
        with pytest.raises(OSError, match="no folder"):
            await take(watched, 5)
        assert len(await take(watched, 2)) == 2

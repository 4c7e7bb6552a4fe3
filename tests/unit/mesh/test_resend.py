"""Rows whose replica does not answer: what is sent once more, and what is not."""

import asyncio
from collections.abc import Callable

import pytest

from convoy import Code, ConvoyError
from convoy_services.mesh.hop import StageRequest, StageResponse
from tests.unit.mesh.hosted import Hosted, HostLink, numbers
from tests.unit.mesh.virtual_time import simulate

STAGES = "tests.unit.mesh.stages"


def mesh(cls: str = "Add", more: str = "") -> str:
    return f"""
stages: {{s: {{class: "{STAGES}:{cls}"}}}}
pipelines: {{p: {{steps: [{{stage: s{more}}}], outputs: [y]}}}}
"""


class Dying:
    """A link whose first ``deaths`` calls take a second and find no replica."""

    replicas = 1

    def __init__(self, link: HostLink, deaths: int) -> None:
        self._link = link
        self._deaths = deaths
        self.sent: list[list[int]] = []

    async def call(self, request: StageRequest) -> StageResponse:
        self.sent.append(request.batch["x"].tolist())
        if len(self.sent) > self._deaths:
            return await self._link.call(request)
        await asyncio.sleep(1.0)
        raise ConvoyError(Code.UNAVAILABLE, "it does not answer", "REPLICA_UNAVAILABLE", "s")


def dying(text: str, deaths: int = 1) -> tuple[Hosted, Dying]:
    hosted = Hosted.of(text)
    link = Dying(hosted.links["s"], deaths)
    hosted.mesh.pipeline("p")._executor._links = {"s": link}
    return hosted, link


def outcome(text: str, deaths: int) -> tuple[str, int]:
    """Give the reason of the failure, or none, and how often the row was sent."""

    async def scenario() -> tuple[str, int]:
        hosted, link = dying(text, deaths)
        result = await hosted.ask(numbers(1))
        reasons = [error.reason for error in result.failures.values()]
        again = hosted.mesh.pipeline("p").statistics.sent.again
        assert again == len(link.sent) - 1
        return "".join(reasons), len(link.sent)

    return simulate(scenario())


@pytest.mark.parametrize(
    ("text", "deaths", "expected"),
    [
        (mesh(), 1, ("", 2)),
        (mesh(), 2, ("REPLICA_UNAVAILABLE", 2)),
        (mesh("Charge"), 1, ("REPLICA_UNAVAILABLE", 1)),
        (mesh(more=", optional: {budget: 5s, fallback: {y: 0}}"), 1, ("", 2)),
        (mesh(more=", optional: {budget: 5s, fallback: {y: 0}}"), 2, ("", 2)),
    ],
)
def test_rows_are_sent_once_more_where_the_stage_allows_it(
    text: str, deaths: int, expected: tuple[str, int]
) -> None:
    assert outcome(text, deaths) == expected


def unwanted(give_up: Callable[["asyncio.Task[object]"], object], timeout: float) -> Dying:
    """Send two requests in one batch; the second is given up while the replica dies."""

    async def scenario() -> Dying:
        hosted, link = dying(mesh())
        kept = asyncio.create_task(hosted.ask(numbers(1)))
        lost = asyncio.create_task(hosted.ask(numbers(2), timeout=timeout))
        await asyncio.sleep(0.5)
        give_up(lost)
        assert (await kept)["y"].tolist() == [2]
        await asyncio.wait([lost])
        assert hosted.mesh.pipeline("p").statistics.sent.orphans == 0
        return link

    return simulate(scenario())


@pytest.mark.parametrize(
    ("give_up", "timeout"),
    [(lambda task: task.cancel(), 60.0), (lambda task: task, 0.7)],
    ids=["cancelled", "late"],
)
def test_rows_that_nobody_waits_for_any_more_are_not_sent_again(
    give_up: Callable[["asyncio.Task[object]"], object], timeout: float
) -> None:
    """They were, when the link sent the whole batch once more."""
    assert unwanted(give_up, timeout).sent == [[1, 2], [1]]

"""Two ingresses, two replicas of a streaming stage, sixteen rows: what travels together, what ends.

The bet of ``mesh/streams.py``: submits and cancels reach the replica that holds the row.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from convoy import Client, Code, ConvoyError
from convoy_services.local.mesh import LocalMesh
from tests.local.faults import find, until
from tests.mesh.conftest import START

pytestmark = pytest.mark.timeout(200)

HOME = Path(__file__).parents[1] / "mesh"
TIMEOUT = 40.0
ROWS = 16
CONFIG = """
stages:
  ticks: {class: "streaming_stages:Ticks", settings: {period: 0.02}, replicas: 2}
  say: {class: "streaming_stages:Say", place_with: ticks}
pipelines:
  ticks:
    steps:
      - {stage: ticks, from: [n], to: {last: null}}
      - {stage: say, from: [count, stop]}
    outputs: [said]
ingress: {replicas: 2}
"""
FOREVER = 10**6 - 1


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalMesh]:
    mesh = LocalMesh.start(CONFIG, name="tests-streams", home=HOME)
    mesh.wait(within=START)
    yield mesh
    mesh.stop()


@pytest.fixture
async def client(mesh: LocalMesh) -> AsyncIterator[Client]:
    async with Client(mesh.target, timeout=TIMEOUT) as client:
        yield client


async def count(client: Client, n: int, *, delay: float = 0.0) -> list[str]:
    """Count to ``n``; gives the words, raises where the row fails."""
    await asyncio.sleep(delay)  # staggered, as callers are
    said: list[str] = []
    async for _, part in client.stream("ticks", {"n": [n]}):
        part.raise_for_failures()
        said += part["said"].strings()[0].split()
    return said


def metric(mesh: LocalMesh, name: str) -> float:
    """Add up a metric over the ingresses."""
    with urlopen(f"http://127.0.0.1:{mesh.settings.ports.metrics}/metrics", timeout=10) as page:
        families = text_string_to_metric_families(page.read().decode())
    return sum(
        sample.value for family in families for sample in family.samples if sample.name == name
    )


async def test_rows_of_one_session_travel_together(mesh: LocalMesh, client: Client) -> None:
    words = await asyncio.gather(*(count(client, 100, delay=n / 100) for n in range(ROWS)))
    assert words == [[str(i) for i in range(100)]] * ROWS
    # Four sessions, each with the rows that one ingress has at one replica: four where they are
    # spread evenly, and at a few steps fewer, for they begin one after the other.
    await until(lambda: metric(mesh, "convoy_stream_results_total") >= 100 * ROWS)
    together = metric(mesh, "convoy_stream_results_total") / metric(
        mesh, "convoy_stream_messages_total"
    )
    assert together >= 2


async def test_each_row_that_is_given_up_is_let_go(mesh: LocalMesh, client: Client) -> None:
    async def leave() -> None:
        async with aclosing(client.stream("ticks", {"n": [FOREVER]})) as parts:
            async for _, part in parts:
                assert not part.failures
                return

    others = asyncio.gather(*(count(client, 150) for _ in range(ROWS)))
    await asyncio.gather(*(leave() for _ in range(ROWS)))
    assert [len(words) for words in await others] == [150] * ROWS
    await until(lambda: metric(mesh, "convoy_stream_rows") == 0)


async def test_a_replica_that_is_killed_ends_its_rows_and_no_others(
    mesh: LocalMesh, client: Client
) -> None:
    async def outcome() -> Code | int:
        try:
            return len(await count(client, 200))
        except ConvoyError as error:
            return error.code

    rows = [asyncio.create_task(outcome()) for _ in range(ROWS)]
    await until(lambda: metric(mesh, "convoy_stream_rows") == ROWS)
    victim, _ = find(mesh, "ServeReplica:convoy:ticks")
    os.kill(victim.pid, signal.SIGKILL)
    outcomes = await asyncio.gather(*rows)
    assert set(outcomes) == {200, Code.UNAVAILABLE}
    # New rows go to the other replica meanwhile.
    assert await asyncio.gather(*(count(client, 5) for _ in range(ROWS)))
    await until(lambda: len(find(mesh, "ServeReplica:convoy:ticks")) == 2)

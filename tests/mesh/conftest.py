"""One mesh for the whole session, a channel to it, and an eye on all replies."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest

from convoy_services.local.mesh import LocalMesh
from tests.mesh.collector import Collector
from tests.mesh.leaks import Leaks
from tests.models import causal, vision

HERE = Path(__file__).parent
START = 180.0
"""Seconds; a deadline, never an expectation."""


@pytest.fixture(scope="session", autouse=True)
def leaks() -> Iterator[Leaks]:
    """Fail the run where any reply in it told what none may tell."""
    leaks = Leaks()
    with leaks.watch():
        yield leaks
    assert not leaks.found, "\n".join(leaks.found[:10])


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """What the session's mesh sends its spans to."""
    with Collector() as collector:
        yield collector


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the session's own models: tiny, with random weights, in the real format."""
    folder = tmp_path_factory.mktemp("models")
    causal.make(folder / "causal")
    vision.make(folder / "vision")
    return folder


@pytest.fixture(scope="session")
def mesh(collector: Collector, models: Path) -> Iterator[LocalMesh]:
    """The pipelines of tests/mesh/mesh.yaml; traced are the calls whose callers are."""
    with pytest.MonkeyPatch.context() as patch:
        for key, value in collector.environment.items():
            patch.setenv(key, value)
        mesh = _start(models)
    mesh.wait(within=START)
    yield mesh
    mesh.stop()


def _start(models: Path) -> LocalMesh:
    config = (HERE / "mesh.yaml").read_text().replace("MODELS", str(models))
    return LocalMesh.start(config, name="tests", home=HERE)


@pytest.fixture
async def channel(mesh: LocalMesh) -> AsyncIterator[grpc.aio.Channel]:
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(mesh.target, options=options) as channel:
        yield channel

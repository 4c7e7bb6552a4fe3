"""A gateway before the session's mesh, and clients of it that are not ours."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from convoy_services.local.mesh import LocalMesh
from convoy_services.local.state import ask as ask_mesh
from tests.mesh.collector import Collector, Span
from tests.mesh.gateway.asked import Client
from tests.mesh.gateway.commands import BUF
from tests.mesh.gateway.drivers import Driver, driver
from tests.mesh.gateway.process import WITHIN, Forwarder, Gateway, gateway, until
from tests.mesh.gateway.table import build

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
PYTHON = REPOSITORY / ".venv-clients" / "bin" / "python"


@pytest.fixture(scope="session")
def edge(mesh: LocalMesh) -> Iterator[Gateway]:
    """A gateway, with less room for bodies than by default."""
    with gateway(mesh.target, "--max-body", "1MiB") as made:
        yield made


@pytest.fixture(scope="session")
def forwarder(mesh: LocalMesh) -> Iterator[Forwarder]:
    """A way to the mesh that is open."""
    made = Forwarder(mesh.target)
    made.open()
    yield made
    made.kill()


@pytest.fixture(scope="session")
def frail(forwarder: Forwarder) -> Iterator[Gateway]:
    """A gateway whose way to the mesh can be cut."""
    with gateway(forwarder.target) as made:
        until(lambda: made.get("/readyz")[0] == 200, "a mesh that is ready")
        yield made


@pytest.fixture(scope="session")
def descriptors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contract as a FileDescriptorSet."""
    path = tmp_path_factory.mktemp("contract") / "contract.binpb"
    build_it = [BUF, "build", "protos", "--as-file-descriptor-set", "--output", path]
    subprocess.run(build_it, cwd=REPOSITORY, check=True, timeout=WITHIN)
    return path


@pytest.fixture(scope="session")
def node(descriptors: Path) -> Iterator[Driver]:
    command = shutil.which("node")
    if not command or not (REPOSITORY / "node_modules").exists():
        pytest.fail("Connect's clients are not installed: `make test` installs them")
    with driver(command, HERE / "node" / "client.mjs", descriptors) as made:
        yield made


@pytest.fixture(scope="session")
def python() -> Iterator[Driver]:
    if not PYTHON.exists():
        pytest.fail("the clients are not installed: `make test` installs them")
    with driver(PYTHON, "-I", HERE / "python_client.py") as made:
        yield made


@pytest.fixture(scope="session")
def clients(node: Driver, python: Driver, descriptors: Path) -> Mapping[str, Client]:
    """Every client, by its name."""
    return build(node, python, descriptors)


@dataclass(frozen=True, slots=True)
class Upstream:
    """What the mesh saw."""

    mesh: LocalMesh
    collector: Collector

    def left(self, pipeline: str) -> int:
        """Count the batches that left the queue."""
        told: dict[str, dict[str, int]] = {}

        def tells() -> bool:
            told.update(ask_mesh(self.mesh.settings.control, "state")["traffic"])
            return pipeline in told

        until(tells, "an ingress that tells")  # a busy one is not waited for
        return told[pipeline]["left"]

    def spans(self, trace: str) -> list[Span]:
        """Wait for the calls of a trace."""

        def ours(spans: list[Span]) -> list[Span]:
            return [s for s in spans if s.trace == trace and "rpc.method" in s.attributes]

        return ours(asyncio.run(self.collector.until(lambda spans: bool(ours(spans)))))


@pytest.fixture(scope="session")
def upstream(mesh: LocalMesh, collector: Collector) -> Upstream:
    return Upstream(mesh, collector)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[bytes]:
    """A row that fussy holds until the test has ended."""
    end = tmp_path / "end"
    yield f"wait for {str(end).encode().hex()}".encode()
    end.touch()

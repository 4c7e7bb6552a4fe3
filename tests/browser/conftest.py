"""The playground in a browser: a mesh with everything that the page shows, and its gateway."""

import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from convoy_services.demo import recommender
from convoy_services.demo.clock import Clock
from convoy_services.demo.playground import placed
from convoy_services.demo.recommender import Recommender
from convoy_services.local.mesh import LocalMesh
from convoy_services.recommendation.mesh import TEXT_MODEL
from tests.mesh.conftest import models
from tests.mesh.gateway.process import Gateway, gateway, until

__all__ = ["models"]  # a fixture

HERE = Path(__file__).parent
LOG = recommender.LOG | {"users": 150, "items": 400, "impressions": 8_000}
START = 180.0
WITHIN = 120.0
"""Seconds; deadlines, never expectations."""


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory, models: Path) -> str:
    """The mesh.yaml of a recommender that is trained here, and of tiny models that write."""
    folder = tmp_path_factory.mktemp("playground")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recommender, "LOG", LOG)
        made = Recommender.make(folder, Clock(), text_model=TEXT_MODEL)
    mesh = yaml.safe_load(placed(made.config))
    text = (HERE.parent / "mesh" / "mesh.yaml").read_text().replace("MODELS", str(models))
    writing = yaml.safe_load(text)
    for name in ("prompt", "generate", "detokenize", "decode", "caption", "spell"):
        mesh["stages"][name] = writing["stages"][name]
    for name in ("prompt", "decode"):
        mesh["stages"][name]["place_with"] = "encode"
    for name in ("generation", "captioning"):
        mesh["pipelines"][name] = writing["pipelines"][name]
    return str(yaml.safe_dump(mesh, sort_keys=False))


class Restarted:
    """A mesh that can be ended, and is then there again on the same port."""

    def __init__(self, config: str) -> None:
        self._config = config
        self._port = 0
        self.start()

    def start(self) -> None:
        self.running = LocalMesh.start(self._config, name="tests-browser", port=self._port)
        self.running.wait(within=START)
        self._port = self.running.settings.ports.grpc

    def stop(self) -> None:
        self.running.stop()


@pytest.fixture(scope="session")
def mesh(config: str) -> Iterator[Restarted]:
    mesh = Restarted(config)
    yield mesh
    mesh.stop()


@pytest.fixture(scope="session")
def edge(mesh: Restarted) -> Iterator[Gateway]:
    with gateway(mesh.running.target) as edge:
        until(lambda: edge.get("/readyz")[0] == 200, "a mesh that is ready")
        yield edge


class Visit:
    """A browser that goes through a scenario of ``scenarios/``."""

    def __init__(self, scenario: str, url: str) -> None:
        chromium = shutil.which("chromium")
        if not chromium or not (HERE.parents[1] / "node_modules").exists():
            pytest.fail("Chromium or its driver is not installed: see the README")
        self.process = subprocess.Popen(
            ["node", HERE / "visit.mjs", scenario, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"CHROMIUM": chromium},
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._log = ""
        self._readers = [threading.Thread(target=read) for read in (self._hear, self._keep)]
        for reader in self._readers:
            reader.start()

    def until(self, word: str) -> None:
        """Wait until the scenario has come so far."""
        line = self._lines.get(timeout=WITHIN)
        assert line == word, f"{line or 'it ended'}\n{self._log}"

    def go(self) -> None:
        """Let it go on."""
        assert self.process.stdin
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """Wait for its end, which must be a good one."""
        assert self.process.wait(WITHIN) == 0, self._log

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream
            stream.close()

    def _hear(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line.strip())
        self._lines.put("")

    def _keep(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self._log += line


Visiting = Callable[[str], "Visit"]


@pytest.fixture
def visit(edge: Gateway) -> Iterator[Visiting]:
    """Begin a scenario."""
    visits: list[Visit] = []

    def begin(scenario: str) -> Visit:
        visits.append(Visit(scenario, edge.base))
        return visits[-1]

    yield begin
    for each in visits:
        each.close()

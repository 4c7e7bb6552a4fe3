"""``convoy up`` and its like, over a real local Ray; no process stays behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from convoy_services.local import processes
from convoy_services.local.errors import MeshError
from convoy_services.local.mesh import LocalMesh
from convoy_services.local.ports import Ports, is_taken
from convoy_services.local.processes import Process

START = 100.0
"""Seconds; a deadline, never an expectation."""

STAGES = """
from convoy_services.echo import Reflect

class Fussy(Reflect):
    def process(self, batch):
        if b"bad" in batch["data"].elements():
            raise RuntimeError("bad")
        return batch

class Broken(Reflect):
    def load(self):
        raise RuntimeError("no such weights")
"""

MESH = """
stages: {reflect: {class: "up_stages:CLASS"}}
pipelines:
  echo:
    steps: [{stage: reflect, from: [data], to: {data: reflected}}]
    outputs: {data: reflected}
"""


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with stages and two mesh.yaml, and a place for state that is this module's own."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "up_stages.py").write_text(STAGES)
    (folder / "mesh.yaml").write_text(MESH.replace("CLASS", "Fussy"))
    (folder / "broken.yaml").write_text(MESH.replace("CLASS", "Broken"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        patch.setenv("RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S", "0.5")
        yield folder


def convoy(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a shell would."""
    command = [str(Path(sys.executable).with_name("convoy")), *arguments]
    return subprocess.run(
        command, cwd=home, capture_output=True, text=True, check=False, timeout=START
    )


def free_port() -> int:
    ports, claim = Ports.choose(0)
    claim.close()
    return ports.grpc


def started(home: Path, name: str, *, plain: bool) -> LocalMesh:
    config = (home / "mesh.yaml").read_text()
    mesh = LocalMesh.start(config, name=name, home=home, plain=plain)
    mesh.wait(within=START)
    return mesh


def echo(home: Path, target: str, *texts: str) -> list[str]:
    """Give what the pipeline echo answers."""
    rows = [word for text in texts for word in ("--text", text)]
    result = convoy(home, "call", "echo", "--target", target, *rows)
    assert result.returncode == 0, result.stderr
    return [row["data"] for row in json.loads(result.stdout)]


@dataclass(frozen=True)
class Up:
    """A mesh that ``convoy up --detach`` started."""

    port: int
    output: str

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def first(home: Path) -> Iterator[Up]:
    port = free_port()
    ports = ("--port", str(port), "--http-port", "0")
    result = convoy(home, "up", "--detach", "--name", "first", *ports)
    assert result.returncode == 0, result.stderr
    yield Up(port, result.stdout)
    convoy(home, "down", "--name", "first")


def test_up_writes_a_line_for_each_part_that_is_ready(first: Up) -> None:
    *parts, last = first.output.splitlines()
    names = [line.split()[1] for line in parts]
    assert (names[0], names[-1]) == ("Ray", "all")
    assert sorted(names[1:-1]) == ["Gateway", "Serve", "stage"]  # they start beside each other
    assert "✓ stage reflect " in first.output
    assert last == f"ready: gRPC on {first.target}, HTTP on {gateway(first)}"


def test_the_gateway_answers_and_comes_back_when_it_is_killed(home: Path, first: Up) -> None:
    ask(first)
    mesh = LocalMesh.find("first")
    assert mesh is not None
    [process] = [p for p in mesh.members() if p.name == "gateway"]
    os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + START
    while True:
        try:
            ask(first)
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def ask(first: Up) -> None:
    """Have the gateway ask the mesh; raises OSError where it does not answer."""
    with urlopen(f"{gateway(first)}/readyz", timeout=5) as answer:
        assert json.load(answer) == {"status": "SERVING"}


def gateway(first: Up) -> str:
    mesh = LocalMesh.find("first")
    assert mesh is not None
    assert mesh.url
    return mesh.url


def test_status_tells_pipelines_deployments_and_processes(home: Path, first: Up) -> None:
    result = convoy(home, "status", "--name", "first", "--json")
    assert result.returncode == 0, result.stderr
    state = json.loads(result.stdout)
    assert state["state"] == "RUNNING"
    assert state["target"] == first.target
    assert state["pipelines"] == ["echo"]
    assert {name: d["state"] for name, d in state["deployments"].items()} == {
        "reflect": "HEALTHY",
        "ingress": "HEALTHY",
    }
    assert state["deployments"]["reflect"]["replicas"] == {"RUNNING": 1}
    assert state["deployments"]["reflect"]["load_s"] >= 0
    names = {process["name"] for process in state["processes"]}
    assert {"supervisor", "raylet", "haproxy", "ServeReplica:convoy:reflect"} <= names
    assert all(process["memory"] > 0 for process in state["processes"])
    assert convoy(home, "status", "--name", "first").returncode == 0


def test_ray_starts_nothing_that_a_mesh_does_not_use(home: Path, first: Up) -> None:
    mesh = LocalMesh.find("first")
    assert mesh is not None
    commands = " ".join(process.command for process in mesh.members())
    assert "raylet" in commands
    for needless in ("dashboard.py", "monitor.py"):
        assert needless not in commands


def test_call_finds_the_mesh_by_its_name(home: Path, first: Up) -> None:
    result = convoy(home, "call", "echo", "--name", "first", "--text", "a", "--text", "ä")
    assert json.loads(result.stdout) == [{"data": "a"}, {"data": "ä"}]


def test_call_writes_the_rows_that_failed_and_ends_with_1(home: Path, first: Up) -> None:
    rows = '{"data": ["good", "bad"]}'
    result = convoy(home, "call", "echo", "--target", first.target, "--json", rows)
    assert result.returncode == 1
    good, bad = json.loads(result.stdout)
    assert good == {"data": "good"}
    assert bad["error"].startswith("INTERNAL")


def test_call_says_why_a_call_is_refused(home: Path, first: Up) -> None:
    result = convoy(home, "call", "nope", "--target", first.target, "--text", "a")
    assert result.returncode == 1
    assert result.stderr == "error: NOT_FOUND: there is no pipeline 'nope'; there are: echo\n"


def test_a_name_that_is_taken_is_told_before_anything_starts(home: Path, first: Up) -> None:
    result = convoy(home, "up", "--detach", "--name", "first", "--port", str(free_port()))
    assert result.returncode == 1
    assert result.stderr == f"error: the mesh first already runs, on {first.target}\n"


def test_a_port_that_is_taken_is_told_before_anything_starts(home: Path, first: Up) -> None:
    result = convoy(home, "up", "--detach", "--name", "another", "--port", str(first.port))
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"error: port {first.port} is taken")
    assert len(result.stderr.splitlines()) == 1
    assert LocalMesh.find("another") is None


def test_two_meshes_on_one_machine_and_one_whose_supervisor_is_killed(
    home: Path, first: Up
) -> None:
    second = started(home, "second", plain=False)
    try:
        assert echo(home, first.target, "to the first") == ["to the first"]
        assert echo(home, second.target, "to the second") == ["to the second"]
        os.kill(second.status()["pid"], signal.SIGKILL)
        result = convoy(home, "down", "--name", "second")
        assert result.stdout == "the mesh second is down\n"
        assert second.members() == []
        assert not is_taken(second.settings.ports.grpc)
        assert echo(home, first.target, "still there") == ["still there"]
    finally:
        second.stop()


def test_down_leaves_nothing_behind(home: Path, first: Up) -> None:
    mesh = LocalMesh.find("first")
    assert mesh is not None
    assert mesh.members()
    assert convoy(home, "down", "--name", "first").stdout == "the mesh first is down\n"
    assert mesh.members() == []
    assert not mesh.settings.run.exists()
    assert not is_taken(first.port)
    again = convoy(home, "down", "--name", "first")
    assert (again.returncode, again.stdout) == (0, "no mesh first is running\n")


def test_a_mesh_whose_ray_has_died_ends_and_says_so(home: Path) -> None:
    mesh = started(home, "mortal", plain=True)
    try:
        assert mesh.status()["mode"] == "plain"
        assert echo(home, mesh.target, "forwarded") == ["forwarded"]
        [raylet] = [p["pid"] for p in mesh.status()["processes"] if p["name"] == "raylet"]
        os.kill(raylet, signal.SIGKILL)
        with pytest.raises(MeshError, match="Ray has died: raylet"):
            mesh.stay()
        assert mesh.members() == []
        assert mesh.status()["state"] == "DEAD"
    finally:
        mesh.stop()


@contextmanager
def foreground(home: Path, line: str) -> Iterator[tuple[subprocess.Popen[str], LocalMesh]]:
    """Run ``convoy up`` until it has written a line that begins so; kill it in the end."""
    command = [str(Path(sys.executable).with_name("convoy")), "up", "--plain", "--name", "front"]
    command += ["--no-gateway", "--port", str(free_port())]
    up = subprocess.Popen(command, cwd=home, stdout=subprocess.PIPE, text=True)
    assert up.stdout is not None
    with up:
        try:
            while not up.stdout.readline().removeprefix("✓ ").startswith(line):
                assert up.poll() is None
            mesh = LocalMesh.find("front")
            assert mesh is not None
            assert mesh.members()
            yield up, mesh
        finally:
            up.kill()


def test_ctrl_c_ends_the_mesh(home: Path) -> None:
    with foreground(home, "ready") as (up, mesh):
        up.send_signal(signal.SIGINT)
        assert up.wait(START) == 0
        assert mesh.members() == []
        assert LocalMesh.find("front") is None


def test_a_mesh_in_the_foreground_does_not_outlive_its_command(home: Path) -> None:
    with foreground(home, "Ray") as (up, mesh):
        up.kill()
        deadline = time.monotonic() + START
        while mesh.members():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        mesh.stop()
        assert not mesh.settings.run.exists()


def test_a_stage_that_does_not_load_ends_up_with_its_name_and_error(home: Path) -> None:
    command = ("up", "broken.yaml", "--detach", "--name", "broken", "--no-gateway")
    result = convoy(home, *command, "--port", str(free_port()))
    assert result.returncode == 1
    error = "error: stage reflect does not start: RuntimeError: no such weights; see "
    assert error in result.stderr
    assert LocalMesh.find("broken") is None


@pytest.fixture
def cluster(home: Path) -> Iterator[str]:
    """A Ray cluster of one node that knows nothing of convoy; gives its dashboard's address."""
    ports, claim = Ports.choose(0)
    dashboard, folder = ports.block + 30, Path(tempfile.mkdtemp(prefix="convoy-", dir="/tmp"))
    options = {
        "port": 0,
        "dashboard-port": dashboard,
        "dashboard-agent-listen-port": 0,
        "ray-client-server-port": ports.block + 31,
        "temp-dir": folder,
        "num-cpus": 4,
        "object-store-memory": 100 << 20,
        "disable-usage-stats": None,
        "block": None,
    }
    ray = subprocess.Popen(
        [str(Path(sys.executable).with_name("ray")), "start", "--head"]
        + [
            f"--{name}" if value is None else f"--{name}={value}" for name, value in options.items()
        ],
        env={**os.environ, "RAY_AUTH_MODE": "disabled", "PYTHONPATH": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    leader = Process.find(ray.pid)
    assert leader is not None
    try:
        wait_for(f"http://127.0.0.1:{dashboard}/api/version")
        yield f"127.0.0.1:{dashboard}"
    finally:
        claim.close()
        processes.sweep(folder, leader)
        ray.wait()
        shutil.rmtree(folder)


def wait_for(url: str) -> None:
    deadline = time.monotonic() + START
    while True:
        try:
            with urlopen(url, timeout=5):
                return
        except (URLError, ConnectionError, TimeoutError):
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_up_starts_the_mesh_on_a_cluster(home: Path, cluster: str) -> None:
    port = free_port()
    result = convoy(home, "up", "--address", cluster, "--port", str(port), "--plain")
    assert result.returncode == 0, result.stderr
    assert "reflect" in result.stdout
    assert echo(home, f"127.0.0.1:{port}", "from afar") == ["from afar"]

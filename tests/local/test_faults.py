"""Processes killed, stages that hang or crash, updates and the end, all under 16 clients."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from convoy import Client, Code
from convoy_services.local.errors import DIED, MeshError
from convoy_services.local.mesh import LocalMesh
from tests.local import faults
from tests.local.faults import Load, Report, config, failures, find, until
from tests.mesh.conftest import START

pytestmark = pytest.mark.timeout(200)

STAGE, INGRESS = "ServeReplica:convoy:work", "ServeReplica:convoy:ingress"


RECONNECT = (Code.UNAVAILABLE,)
"""What a client may be told that neither retries itself nor lets gRPC, when its connection ends."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("faults")
    faults.lay_out(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        yield folder


@pytest.fixture(scope="module")
def started(home: Path) -> Iterator[LocalMesh]:
    mesh = LocalMesh.start(config(), name="faults", home=home)
    mesh.wait(within=START)
    yield mesh
    mesh.stop()


@pytest.fixture
async def mesh(started: LocalMesh) -> LocalMesh:
    """The mesh, once it has recovered from the test before."""
    await faults.whole(started)
    return started


@pytest.fixture
async def single(mesh: LocalMesh) -> LocalMesh:
    """The mesh with one replica of each deployment."""
    if len(find(mesh, STAGE)) > 1:
        await asyncio.to_thread(mesh.update, config(replicas=1), within=START)
        await faults.whole(mesh)
    return mesh


def check(report: Report, *allowed: Code) -> None:
    """Nobody fails who retries; who does not is told a code that says that it may help."""
    assert {call.code for call in report.bare if call.code is not None} <= set(allowed), failures(
        report.bare
    )
    assert failures(report.retried) == {}


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        (STAGE, ()),
        (INGRESS, RECONNECT),
        ("haproxy", RECONNECT),
        ("HAProxyManager", RECONNECT),
        ("ServeController", RECONNECT),  # its successor may have HAProxy replaced
    ],
)
async def test_a_process_is_killed(mesh: LocalMesh, name: str, allowed: tuple[Code, ...]) -> None:
    async with Load(mesh.target) as load:
        await faults.kill(mesh, load, name)
        await load.calm()
    check(load.report, *allowed)


async def test_a_stage_that_hangs_has_its_replica_replaced(mesh: LocalMesh, home: Path) -> None:
    """The call that made it hang is answered, too, by the other replica."""
    (home / "hang").touch()
    before = {process.pid for process in find(mesh, STAGE)}
    async with Load(mesh.target) as load, Client(mesh.target, timeout=faults.OVER) as client:
        load.strike()
        result = await client.run("work", {"data": [f"hang {home / 'hang'}"]})
        assert not result.failures
        await until(lambda: not before <= {process.pid for process in find(mesh, STAGE)})
        await load.calm()
    check(load.report)


async def test_one_bad_row_of_64_concurrent_requests_fails_alone(mesh: LocalMesh) -> None:
    async with Client(mesh.target, timeout=faults.TIMEOUT) as client:
        rows = ["x"] * 40 + ["bad"] + ["x"] * 23
        results = await asyncio.gather(*(client.run("work", {"data": [row]}) for row in rows))
    [failed] = [n for n, result in enumerate(results) if result.failures]
    assert failed == 40
    assert results[40].failures[0].code is Code.INTERNAL


async def answer(mesh: LocalMesh) -> dict[str, int]:
    """Give what a call is answered, column by column."""
    async with Client(mesh.target, timeout=faults.TIMEOUT) as client:
        result = await client.run("work", {"data": ["x"]})
    return {name: int(column.numpy()[0]) for name, column in result.columns.items()}


async def test_no_call_fails_while_code_is_rolled_out(mesh: LocalMesh, home: Path) -> None:
    stages = home / "faulty_stages.py"
    stages.write_text(stages.read_text().replace("VERSION = 1", "VERSION = 2"))
    async with Load(mesh.target) as load:
        load.strike()
        await asyncio.to_thread(mesh.update, config(), within=START)
        await faults.whole(mesh)
        await load.calm()
    check(load.report, *RECONNECT)
    assert await answer(mesh) == {"version": 2, "setting": 0}


async def test_no_call_fails_while_settings_are_rolled_out(mesh: LocalMesh) -> None:
    async with Load(mesh.target) as load:
        load.strike()
        await asyncio.to_thread(mesh.update, config(setting=7), within=START)
        await faults.whole(mesh)
        await load.calm()
    check(load.report, *RECONNECT)
    assert (await answer(mesh))["setting"] == 7


async def test_code_with_other_columns_is_rolled_out(mesh: LocalMesh, home: Path) -> None:
    """The supervisor planned with the classes that it had imported before."""
    stages = home / "faulty_stages.py"
    stages.write_text(stages.read_text().replace("version", "revision"))
    text = config().replace("version", "revision")
    await asyncio.to_thread(mesh.update, text, within=START)
    await faults.whole(mesh)
    assert await answer(mesh) == {"revision": 2, "setting": 0}
    faults.lay_out(home)
    await asyncio.to_thread(mesh.update, config(), within=START)


async def test_a_stage_that_exits_in_load_is_not_rolled_out(single: LocalMesh) -> None:
    """Serve stops an only replica before it starts the next: what ran before comes back."""
    wrong = config(replicas=1, cls="Exit")
    says = f"stage work does not start: {DIED}; what ran before runs again"
    async with Load(single.target) as load:
        load.strike()
        with pytest.raises(MeshError, match=says):
            await asyncio.to_thread(single.update, wrong, within=START)
        await load.calm()
    check(load.report, *RECONNECT)
    assert await answer(single) == {"version": 1, "setting": 0}


async def test_the_only_stage_replica_is_killed(single: LocalMesh) -> None:
    """Calls wait for the next."""
    async with Load(single.target) as load:
        await faults.kill(single, load, STAGE)
        await load.calm()
    check(load.report)


async def test_the_only_ingress_replica_is_killed(single: LocalMesh) -> None:
    async with Load(single.target) as load:
        await faults.kill(single, load, INGRESS)
        await load.calm()
    check(load.report, Code.UNAVAILABLE)


async def test_a_mesh_that_is_taken_down_under_load_leaves_nothing(mesh: LocalMesh) -> None:
    async with Load(mesh.target) as load:
        load.strike()
        await asyncio.to_thread(mesh.stop)
        await until(lambda: all(call.code is not None for call in load.calls[-faults.CLIENTS :]))
    codes = {call.code for call in load.calls if call.code is not None}
    assert codes == {Code.UNAVAILABLE}, failures(load.calls)
    assert mesh.members() == []
    assert not mesh.settings.run.exists()


def test_a_stage_that_exits_in_load_ends_the_start(home: Path) -> None:
    mesh = LocalMesh.start(config(replicas=1, cls="Exit"), name="exits", home=home)
    with pytest.raises(MeshError, match=f"stage work does not start: {DIED}"):
        mesh.wait(within=START)
    assert mesh.members() == []
    assert not mesh.settings.run.exists()

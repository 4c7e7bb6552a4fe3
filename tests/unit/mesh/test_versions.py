"""Versions of a model: which is live, how another comes in, and that no batch meets two."""

import asyncio
from pathlib import Path

import pytest

from convoy import Code, ConvoyError
from convoy.oip.v2 import inference_pb2 as pb
from convoy_services.config import ConfigError, parse
from convoy_services.mesh import graph, local
from convoy_services.mesh.repository import Repository
from convoy_services.rpc.call import Call
from convoy_services.rpc.oip.servicer import InferenceServicer
from tests.unit.mesh import stages
from tests.unit.mesh.hosted import Hosted, numbers

MESH = f"""
stages:
  one: {{class: "{stages.__name__}:Versioned", settings: {{model: "%s"}}}}
  two: {{class: "{stages.__name__}:Versioned", settings: {{model: "%s"}}}}
  plain: {{class: "{stages.__name__}:Add"}}
pipelines:
  p:
    steps: [{{stage: one, from: [x], to: {{y: z}}}}, {{stage: two, from: {{x: z}}}}]
    outputs: [z, y]
  q: {{steps: [{{stage: plain}}], outputs: [y]}}
"""


def write(folder: Path, **versions: str) -> Path:
    for name, by in versions.items():
        (folder / name[1:]).mkdir(parents=True)
        (folder / name[1:] / "by").write_text(by)
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return write(tmp_path, v1="10", v2="100")


@pytest.fixture(autouse=True)
def _nothing_closed() -> None:
    stages.Versioned.closed.clear()


def hosted(repository: Path) -> Hosted:
    made = Hosted.of(MESH % (repository, repository))
    for link in made.links.values():
        for stage in link.host._stages.values():
            stage.load()
    return made


async def sums(mesh: Hosted) -> list[int]:
    result = await mesh.ask(numbers(1))
    return [result["z"].tolist()[0], result["y"].tolist()[0]]


def test_the_newest_is_live_until_one_is_chosen(tmp_path: Path) -> None:
    repository = Repository(write(tmp_path, v2="", v10="", v9=""))
    (tmp_path / "notes").mkdir()
    assert repository.versions() == ["2", "9", "10"]
    assert repository.live() == "10"
    repository.choose("9")
    assert repository.live() == "9"


def test_without_a_version_there_is_nothing_to_load(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no version"):
        Repository(tmp_path).live()
    assert Repository(tmp_path / "nowhere").versions() == []


async def test_a_version_comes_into_all_stages_and_goes_back(repository: Path) -> None:
    mesh = hosted(repository)
    assert await sums(mesh) == [101, 201]
    assert await mesh.mesh.bring("p", "1") == "1"
    assert await sums(mesh) == [11, 21]
    assert await mesh.mesh.bring("p", "") == "2"
    assert await sums(mesh) == [101, 201]
    assert mesh.links["one"].host.versions() == {"one": "2"}


async def test_who_starts_later_begins_with_what_is_live(repository: Path) -> None:
    await hosted(repository).mesh.bring("p", "1")
    assert await sums(hosted(repository)) == [11, 21]


async def test_a_version_that_is_added_has_to_be_brought_in(repository: Path) -> None:
    mesh = hosted(repository)
    write(repository, v3="1000")
    mesh.mesh.follow()
    assert await sums(mesh) == [101, 201]
    assert await sums(hosted(repository)) == [101, 201]
    await mesh.mesh.bring("p", "")
    assert await sums(mesh) == [1001, 2001]


async def test_another_ingress_follows(repository: Path) -> None:
    mesh = hosted(repository)
    Repository(repository).choose("1")
    assert await sums(mesh) == [101, 201]
    mesh.mesh.follow()
    assert await sums(mesh) == [11, 21]  # loaded by the first batch that asks for it


async def test_a_batch_under_way_keeps_its_version(repository: Path) -> None:
    mesh = hosted(repository)
    came, gate = asyncio.Event(), asyncio.Event()
    call = mesh.links["one"].call

    async def slowly(request: object) -> object:
        response = await call(request)  # type: ignore[arg-type]
        came.set()
        await gate.wait()
        return response

    mesh.links["one"].call = slowly  # type: ignore[method-assign, assignment]
    asked = asyncio.create_task(sums(mesh))
    async with asyncio.timeout(10):
        await came.wait()
        await mesh.mesh.bring("p", "1")
        gate.set()
        assert await asked == [101, 201]
        assert await sums(mesh) == [11, 21]


async def test_a_version_that_does_not_load_changes_nothing(repository: Path) -> None:
    write(repository, v3="no number")
    Repository(repository).choose("2")
    mesh = hosted(repository)
    with pytest.raises(ConvoyError) as caught:
        await mesh.mesh.bring("p", "3")
    assert (caught.value.code, caught.value.reason) == (Code.FAILED_PRECONDITION, "VERSION_BROKEN")
    assert caught.value.metadata["id"]
    assert Repository(repository).live() == "2"
    assert await sums(mesh) == [101, 201]


@pytest.mark.parametrize(
    ("pipeline", "version", "code", "reason"),
    [
        ("p", "7", Code.NOT_FOUND, "VERSION_NOT_FOUND"),
        ("p", "../1", Code.NOT_FOUND, "VERSION_NOT_FOUND"),
        ("q", "1", Code.FAILED_PRECONDITION, "NO_VERSIONS"),
        ("r", "1", Code.NOT_FOUND, "PIPELINE_NOT_FOUND"),
    ],
)
async def test_what_there_is_not_is_refused(
    repository: Path, pipeline: str, version: str, code: Code, reason: str
) -> None:
    with pytest.raises(ConvoyError) as caught:
        await hosted(repository).mesh.bring(pipeline, version)
    assert (caught.value.code, caught.value.reason) == (code, reason)


async def test_a_version_that_nobody_asks_for_any_more_is_let_go(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh = hosted(repository)
    await mesh.mesh.bring("p", "1")
    host = mesh.links["one"].host
    host.check_health()
    assert stages.Versioned.closed == []
    monkeypatch.setattr(local, "KEPT", -1.0)
    host.check_health()
    assert stages.Versioned.closed == [100]
    assert await sums(mesh) == [11, 21]


async def test_a_version_is_loaded_once_however_many_batches_wait_for_it(repository: Path) -> None:
    mesh = hosted(repository)
    stage = mesh.links["one"].host._stages["one"]
    first, second = await asyncio.gather(stage._find("1"), stage._find("1"))
    assert first is second


def test_the_stages_of_a_pipeline_share_one_repository(tmp_path: Path) -> None:
    one, two = write(tmp_path / "a", v1="1"), write(tmp_path / "b", v1="1")
    with pytest.raises(ConfigError, match="share one repository"):
        graph.plan(parse(MESH % (one, two)))


async def test_the_open_inference_protocol_loads_versions(repository: Path) -> None:
    mesh = hosted(repository)
    servicer = InferenceServicer(mesh.mesh)

    async def index() -> list[tuple[str, str, str]]:
        told = await servicer.RepositoryIndex(pb.RepositoryIndexRequest(), Call())
        return [(m.name, m.version, m.state) for m in told.models if m.name == "p"]

    assert await index() == [("p", "1", "UNAVAILABLE"), ("p", "2", "READY")]
    load = pb.RepositoryModelLoadRequest(
        model_name="p", parameters={"version": pb.ModelRepositoryParameter(int64_param=1)}
    )
    await servicer.RepositoryModelLoad(load, Call())
    assert await index() == [("p", "1", "READY"), ("p", "2", "UNAVAILABLE")]
    with pytest.raises(ConvoyError, match="runs with version 1"):
        await servicer.ModelReady(pb.ModelReadyRequest(name="p", version="2"), Call())
    await servicer.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="p"), Call())
    assert await index() == [("p", "1", "UNAVAILABLE"), ("p", "2", "READY")]


async def test_a_load_that_is_refused_leaves_what_is_live_live_everywhere(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stages into which it had been loaded held it for live, and let go of what was."""
    mesh = hosted(repository)
    write(repository, v3="1000")
    (repository / "3" / "by").write_text("1000")

    async def refuses(version: str) -> None:
        raise ConvoyError(Code.UNAVAILABLE, "no replica", "REPLICA_UNAVAILABLE")

    monkeypatch.setattr(mesh.links["two"], "bring", refuses)
    with pytest.raises(ConvoyError):
        await mesh.mesh.bring("p", "3")
    one = mesh.links["one"].host
    assert one.versions() == {"one": "2"}
    monkeypatch.setattr(local, "KEPT", -1.0)
    one.check_health()
    assert stages.Versioned.closed == [1000]
    assert await sums(mesh) == [101, 201]

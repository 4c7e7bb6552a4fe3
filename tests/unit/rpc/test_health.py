"""grpc.health.v1 over a mesh whose links are there or not."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from grpc_health.v1 import health_pb2 as pb

from convoy import Code, ConvoyError
from convoy_services.rpc.call import Call
from convoy_services.rpc.health import HealthServicer, HealthWithoutMesh
from tests.unit.mesh.hosted import Hosted
from tests.unit.mesh.virtual_time import simulate

STAGES = "tests.unit.mesh.stages"
TEXT = f"""
stages:
  add: {{class: "{STAGES}:Add"}}
  spare: {{class: "{STAGES}:Add"}}
  other: {{class: "{STAGES}:Add"}}
pipelines:
  p:
    steps:
      - {{stage: add, from: [x]}}
      - {{stage: spare, from: {{x: y}}, to: {{y: z}}, optional: {{budget: 1s, fallback: {{z: 0}}}}}}
    outputs: [z]
  q:
    steps: [{{stage: other, from: [x]}}]
    outputs: [y]
"""
SERVICES = {"convoy.v1.Task": "p", "convoy.v1.Missing": "nope", "convoy.v1.Any": None}
SERVING, NOT_SERVING = pb.HealthCheckResponse.SERVING, pb.HealthCheckResponse.NOT_SERVING
UNKNOWN = pb.HealthCheckResponse.SERVICE_UNKNOWN


def statuses(change: Callable[[Hosted], object]) -> dict[str, int]:
    async def scenario() -> dict[str, int]:
        hosted = Hosted.of(TEXT)
        change(hosted)
        servicer = HealthServicer(hosted.mesh, SERVICES)
        listed = await servicer.List(pb.HealthListRequest(), Call())
        for name, response in listed.statuses.items():
            request = pb.HealthCheckRequest(service=name)
            assert await servicer.Check(request, Call()) == response
        return {name: response.status for name, response in listed.statuses.items()}

    return simulate(scenario())


def lose(deployment: str) -> Callable[[Hosted], object]:
    return lambda hosted: setattr(hosted.links[deployment], "replicas", 0)


def close(pipeline: str) -> Callable[[Hosted], object]:
    return lambda hosted: setattr(hosted.mesh.pipeline(pipeline), "open", False)


def leave(hosted: Hosted) -> None:
    hosted.mesh.leaving = True


EVERYTHING = {
    "",
    "pipeline/p",
    "pipeline/q",
    "stage/add",
    "stage/spare",
    "stage/other",
    "convoy.v1.Task",
    "convoy.v1.Any",
}


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        (lambda _: None, set()),
        (lose("add"), {"", "pipeline/p", "stage/add", "convoy.v1.Task", "convoy.v1.Any"}),
        (lose("spare"), {"stage/spare"}),
        (lose("other"), {"", "pipeline/q", "stage/other", "convoy.v1.Any"}),
        (close("p"), {"pipeline/p", "convoy.v1.Task"}),
        (leave, EVERYTHING),
    ],
    ids=["all there", "required", "optional", "other", "closed", "leaving"],
)
def test_what_cannot_answer_does_not_serve(
    change: Callable[[Hosted], object], lost: set[str]
) -> None:
    found = statuses(change)
    assert {name for name, status in found.items() if status == SERVING} == EVERYTHING - lost
    assert found["convoy.v1.Missing"] == NOT_SERVING


def test_a_name_that_there_is_not_is_not_found() -> None:
    async def scenario() -> ConvoyError:
        servicer = HealthServicer(Hosted.of(TEXT).mesh, SERVICES)
        with pytest.raises(ConvoyError) as caught:
            await servicer.Check(pb.HealthCheckRequest(service="pipeline/nope"), Call())
        return caught.value

    error = simulate(scenario())
    assert error.code is Code.NOT_FOUND
    assert "'pipeline/p'" in error.message


def watched(name: str, *changes: Callable[[Hosted], object]) -> list[int]:
    """Watch a name, with a change each second and the mesh leaving in the end."""

    async def scenario() -> list[int]:
        hosted = Hosted.of(TEXT)
        servicer = HealthServicer(hosted.mesh, SERVICES)
        seen: list[int] = []

        async def watch() -> None:
            request = pb.HealthCheckRequest(service=name)
            watching = servicer.Watch(request, Call())
            seen.extend([response.status async for response in watching])

        watching = asyncio.create_task(watch())
        for change in changes:
            await asyncio.sleep(1)
            change(hosted)
        await asyncio.sleep(1)
        leave(hosted)
        async with asyncio.timeout(60):
            await watching
        return seen

    return simulate(scenario())


def test_a_watcher_hears_of_changes_and_of_the_end() -> None:
    def find(hosted: Hosted) -> None:
        hosted.links["add"].replicas = 1

    changes = (lose("other"), lose("add"), find)
    assert watched("pipeline/p", *changes) == [SERVING, NOT_SERVING, SERVING, NOT_SERVING]


def test_a_watcher_of_what_there_is_not_is_told_so() -> None:
    assert watched("pipeline/nope") == [UNKNOWN]


class Unreachable:
    """A dispatcher that reaches no mesh."""

    def __init__(self, code: Code) -> None:
        self._error = ConvoyError(code, "no")

    async def unary(self, method: str, request: bytes, call: Call) -> bytes:
        raise self._error

    async def stream(self, method: str, request: bytes, call: Call) -> AsyncIterator[bytes]:
        yield b""
        raise self._error


CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"


@pytest.mark.parametrize("code", [Code.UNAVAILABLE, Code.INTERNAL])
def test_where_no_mesh_can_be_reached_it_does_not_serve(code: Code) -> None:
    async def scenario() -> tuple[bytes, list[bytes]]:
        health = HealthWithoutMesh(Unreachable(code))
        stream = [reply async for reply in health.stream(WATCH, b"", Call())]
        return await health.unary(CHECK, b"", Call()), stream

    checked, watching = simulate(scenario())
    response = pb.HealthCheckResponse(status=NOT_SERVING)
    assert pb.HealthCheckResponse.FromString(checked) == response
    assert pb.HealthCheckResponse.FromString(watching[-1]) == response


def test_other_errors_pass() -> None:
    async def scenario() -> None:
        with pytest.raises(ConvoyError):
            await HealthWithoutMesh(Unreachable(Code.NOT_FOUND)).unary(CHECK, b"", Call())
        with pytest.raises(ConvoyError):
            await HealthWithoutMesh(Unreachable(Code.UNAVAILABLE)).unary("/a.B/C", b"", Call())

    simulate(scenario())

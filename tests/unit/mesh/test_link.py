"""The link over a Serve handle: what crosses how, what a caller is told."""

import asyncio
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
import pytest
from ray.exceptions import (
    ActorDiedError,
    ActorUnavailableError,
    ObjectLostError,
    RayActorError,
    RayTaskError,
    WorkerCrashedError,
)
from ray.serve._private.common import DeploymentID
from ray.serve.exceptions import (
    BackPressureError,
    DeploymentUnavailableError,
    RequestCancelledError,
)

from convoy import Batch, Code, ConvoyError, Tensor
from convoy_services.config import parse
from convoy_services.mesh import graph
from convoy_services.mesh.context import RowContext
from convoy_services.mesh.hop import StageRequest, StageResponse
from convoy_services.mesh.host import StageHost
from convoy_services.mesh.link import BY_REFERENCE, ServeLink, from_serve
from tests.unit.mesh.hosted import numbers
from tests.unit.mesh.virtual_time import simulate

STAGES = "tests.unit.mesh.stages"


class Response:
    """What a handle call gives: it can be awaited and cancelled."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.cancelled = False

    def __await__(self) -> Generator[Any, None, Any]:
        return self._answer.__await__()

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Handle:
    """A handle to a host in this process, which first raises ``errors``."""

    host: Any
    errors: list[Exception] = field(default_factory=list)
    seconds: float = 0.0
    sent: list[tuple[bool, type]] = field(default_factory=list)
    """Of each call: whether it went by reference, and the payload's type."""
    responses: list[Response] = field(default_factory=list)
    by_reference: bool = False

    def options(self, **options: Any) -> "Handle":
        assert options["method_name"] == "call"
        by_reference = options["_by_reference"]
        return Handle(self.host, self.errors, self.seconds, self.sent, self.responses, by_reference)

    def remote(self, kind: str, payload: Any) -> Response:
        self.sent.append((self.by_reference, type(payload)))
        self.responses.append(Response(self._answer(kind, payload)))
        return self.responses[-1]

    async def _answer(self, kind: str, payload: Any) -> Any:
        await asyncio.sleep(self.seconds)
        if self.errors:
            raise self.errors.pop(0)
        return await self.host.call(kind, payload)


def linked(cls: str = "Add", **more: Any) -> tuple[ServeLink, Handle]:
    text = f"""
stages: {{s: {{class: "{STAGES}:{cls}"}}}}
pipelines: {{p: {{steps: [{{stage: s}}], outputs: [{"name" if cls == "Name" else "y"}]}}}}
"""
    stages = graph.plan(parse(text)).stages
    handle = Handle(StageHost(list(stages.values()), []), **more)
    return ServeLink(handle, dict(stages)), handle  # type: ignore[arg-type]


def request(batch: Batch) -> StageRequest:
    rows = RowContext(
        ids=np.arange(batch.rows, dtype=np.uint64),
        deadlines=np.full(batch.rows, 60.0),
        priorities=np.ones(batch.rows, np.uint8),
    )
    return StageRequest(stage="s", rows=rows, batch=batch)


def test_a_small_batch_goes_by_value() -> None:
    async def scenario() -> tuple[list[Any], list[tuple[bool, type]]]:
        link, handle = linked()
        response = await link.call(request(numbers(1, 2)))
        return response.batch["y"].tolist(), handle.sent

    assert simulate(scenario()) == ([2, 3], [(False, bytes)])


def test_a_large_batch_goes_by_reference_and_comes_back() -> None:
    async def scenario() -> tuple[int, list[tuple[bool, type]]]:
        link, handle = linked("Name")
        prefix = Tensor.texts([b"x" * (BY_REFERENCE // 2)] * 2)
        batch = Batch(rows=2, columns={**numbers(1, 2).columns, "prefix": prefix})
        response = await link.call(request(batch))
        return len(response.batch["name"].elements()[1]), handle.sent

    assert simulate(scenario()) == (BY_REFERENCE // 2 + 1, [(True, np.ndarray)])


def failure(cls: str, *errors: Exception) -> ConvoyError:
    async def scenario() -> ConvoyError:
        link, handle = linked(cls, errors=list(errors))
        with pytest.raises(ConvoyError) as caught:
            await link.call(request(numbers(1)))
        assert len(handle.sent) == 1
        return caught.value

    return simulate(scenario())


def test_a_replica_that_died_is_told_without_its_address() -> None:
    error = failure("Add", RayActorError(error_msg="10.0.0.1 died"))
    assert (error.code, error.reason, error.stage) == (
        Code.UNAVAILABLE,
        "REPLICA_UNAVAILABLE",
        "s",
    )
    assert error.retry_after is not None
    assert "10.0.0.1" not in str(error)


def from_grpc(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), "Socket closed")


@pytest.mark.parametrize(
    "exc",
    [
        ActorDiedError(),
        ActorUnavailableError("down", b"0" * 16),
        DeploymentUnavailableError(DeploymentID("s")),
        ObjectLostError("0" * 56, None, "stack"),
        RequestCancelledError(),
        WorkerCrashedError(),
        RayTaskError("f", "tb", ActorDiedError()),
        from_grpc(grpc.StatusCode.UNAVAILABLE),
        from_grpc(grpc.StatusCode.CANCELLED),
    ],
    ids=lambda exc: type(exc).__name__,
)
def test_a_replica_that_is_gone_is_unavailable_however_ray_says_so(exc: Exception) -> None:
    """Half of these were internal errors, which neither the executor nor a client tries again."""
    error = from_serve(exc, "s")
    assert (error.code, error.reason) == (Code.UNAVAILABLE, "REPLICA_UNAVAILABLE")


@pytest.mark.parametrize(
    ("exc", "code", "reason"),
    [
        (from_grpc(grpc.StatusCode.UNKNOWN), Code.INTERNAL, "INTERNAL"),
        (BackPressureError(1, 1), Code.RESOURCE_EXHAUSTED, "REPLICA_BUSY"),
        (RuntimeError("secret"), Code.INTERNAL, "INTERNAL"),
        (ConvoyError(Code.NOT_FOUND, "gone", "GONE"), Code.NOT_FOUND, "GONE"),
        (
            RayTaskError("f", "tb", ConvoyError(Code.NOT_FOUND, "gone", "GONE")),
            Code.NOT_FOUND,
            "GONE",
        ),
        (RayTaskError("f", "secret traceback", ValueError("secret")), Code.INTERNAL, "INTERNAL"),
    ],
)
def test_other_errors_are_told_as_they_are(exc: Exception, code: Code, reason: str) -> None:
    error = failure("Add", exc)
    assert (error.code, error.reason) == (code, reason)
    assert "secret" not in str(error)


def test_an_error_of_a_replica_is_read_from_within_rays_own() -> None:
    own = ConvoyError(Code.ABORTED, "no")
    assert from_serve(RayTaskError("f", "tb", own), "s") is own


def test_a_batch_that_nobody_waits_for_is_cancelled_there_too() -> None:
    async def scenario() -> bool:
        link, handle = linked(seconds=100.0)
        calling: asyncio.Task[StageResponse] = asyncio.create_task(link.call(request(numbers(1))))
        await asyncio.sleep(1.0)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        return handle.responses[0].cancelled

    assert simulate(scenario())

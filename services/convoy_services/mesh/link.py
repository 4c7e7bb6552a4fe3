"""How a batch reaches a deployment over Ray Serve."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import numpy as np
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    RayActorError,
    RayTaskError,
    TaskCancelledError,
    WorkerCrashedError,
)
from ray.serve.exceptions import (
    BackPressureError,
    DeploymentUnavailableError,
    ReplicaUnavailableError,
)
from ray.serve.handle import DeploymentHandle

from convoy import Code, ConvoyError
from convoy_services.mesh.codec import CODECS
from convoy_services.mesh.fault import fault
from convoy_services.mesh.hop import Carriage, StageRequest, StageResponse, Transport
from convoy_services.mesh.plan import StagePlan

BY_REFERENCE = 3 << 20
"""Payloads from this size on, in bytes, go through the object store (docs/performance.md)."""


GONE = (
    DeploymentUnavailableError,
    NodeDiedError,
    ObjectLostError,
    RayActorError,
    ReplicaUnavailableError,
    TaskCancelledError,
    WorkerCrashedError,
)
"""What a handle raises where a replica has died or was ended, or there is none."""


class ServeLink:
    """Carries batches to a deployment by its handle, as serialized stage requests.

    Small ones go by value over Serve's gRPC between replicas, large ones by reference.
    """

    def __init__(self, handle: DeploymentHandle[Any], stages: dict[str, StagePlan]) -> None:
        """Reach the host of ``stages`` by ``handle``."""
        self._stages = stages
        self._handle = handle
        self._by_value = handle.options(
            method_name="call",
            _by_reference=False,
            request_serialization="pickle",
            response_serialization="pickle",
        )
        self._by_reference = handle.options(method_name="call", _by_reference=True)
        self._growth = 1.0

    @property
    def replicas(self) -> int:
        """How many replicas run, as Serve's controller last told this handle's router."""
        return len(running(self._by_value))

    async def call(self, request: StageRequest) -> StageResponse:
        """Carry a batch there and back; raises ConvoyError UNAVAILABLE when no replica answers."""
        stage = self._stages[request.stage]
        try:
            return await self._send(stage, request)
        except Exception as exc:
            raise from_serve(exc, stage.name) from exc

    async def bring(self, version: str) -> None:
        """Load a version of the stages' models into every replica.

        Raises ConvoyError, UNAVAILABLE where a replica does not answer.
        """
        try:
            await self._handle.broadcast("bring", version).results_async()
        except Exception as exc:
            raise from_serve(exc, ", ".join(self._stages)) from exc

    async def _send(self, stage: StagePlan, request: StageRequest) -> StageResponse:
        codec = CODECS[stage.kind]
        began = time.monotonic()
        payload = codec.write_request(request, asyncio.get_running_loop().time())
        written = time.monotonic() - began
        transport = Transport.VALUE
        if len(payload) * max(1.0, self._growth) < BY_REFERENCE:
            response = self._by_value.remote(stage.kind.value, payload)
        else:
            transport = Transport.REFERENCE
            array = np.frombuffer(payload, np.uint8)
            response = self._by_reference.remote(stage.kind.value, array)
        try:
            answer = await response
        except asyncio.CancelledError:
            response.cancel()  # type: ignore[no-untyped-call]  # Ray gives it no types
            raise
        self._growth = len(answer) / len(payload)
        began = time.monotonic()
        parsed = codec.parse_response(answer)
        carriage = Carriage(
            transport=transport,
            sent=len(payload),
            received=len(answer),
            serialize_s=written + time.monotonic() - began,
        )
        return replace(parsed, carriage=carriage)


def running(handle: DeploymentHandle[Any]) -> list[str]:
    """Name the replicas that run, as Serve's controller last told the handle's router."""
    router: Any = handle._router
    known = router._asyncio_router.request_router
    return [replica.unique_id for replica in known.curr_replicas] if known else []


def from_serve(exc: Exception, stage: str) -> ConvoyError:
    """Give what a caller may know of an exception that a handle call raised."""
    cause = exc.cause if isinstance(exc, RayTaskError) else exc
    match cause:
        case ConvoyError():
            return cause
        case _ if isinstance(cause, GONE) or _cut_off(cause):
            return ConvoyError(
                Code.UNAVAILABLE,
                "it does not answer",
                "REPLICA_UNAVAILABLE",
                stage,
                retry_after=1.0,
            )
        case BackPressureError():
            return ConvoyError(
                Code.RESOURCE_EXHAUSTED, "its queue is full", "REPLICA_BUSY", stage, retry_after=0.1
            )
        case _:
            return fault(f"calling {stage}", exc, stage)


def _cut_off(exc: BaseException) -> bool:
    """Whether gRPC says that the replica left while it answered; this module knows no gRPC."""
    code = getattr(exc, "code", None)
    return callable(code) and getattr(code(), "name", "") in ("CANCELLED", "UNAVAILABLE")

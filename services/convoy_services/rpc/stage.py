"""The three stage services: one stage, called alone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from convoy import Batch, Code, ConvoyError
from convoy.errors import invalid
from convoy.v1 import stage_pb2 as pb
from convoy_services.mesh.codec import CODECS, to_message
from convoy_services.mesh.hop import StageRequest
from convoy_services.mesh.mesh import Mesh
from convoy_services.mesh.plan import Limits, StagePlan
from convoy_services.mesh.request import expired
from convoy_services.mesh.stage import StageKind
from convoy_services.rpc.call import Call
from convoy_services.rpc.stream_alone import stream_alone

TIMEOUT = 30.0
"""Seconds of a call without a deadline."""


class _StageServicer:
    kind: StageKind

    def __init__(self, mesh: Mesh) -> None:
        """Answer from ``mesh``."""
        self._mesh = mesh

    async def _run(self, message: Any, call: Call) -> Any:
        """Send a batch to the one stage that it names."""
        stage = self._stage(message)
        if self._mesh.plan.deployments[stage.deployment].streaming:
            told = f"the stage {stage.name} streams: call InferStream"
            if not stage.streaming:
                told = (
                    f"the stage {stage.name} is placed with {stage.deployment}, which streams: "
                    "it is not called alone"
                )
            raise ConvoyError(Code.UNIMPLEMENTED, told, "STAGE_STREAMS")
        alone = self._alone(stage, message, call)
        try:
            async with asyncio.timeout_at(call.deadline):
                response = await self._mesh.links[stage.deployment].call(alone)
        except TimeoutError as exc:
            raise expired() from exc
        return CODECS[self.kind].to_message(response)

    def _stage(self, message: Any) -> StagePlan:
        stage = self._mesh.plan.stages.get(message.stage)
        if stage is None or stage.kind is not self.kind:
            known = ", ".join(
                s.name for s in self._mesh.plan.stages.values() if s.kind is self.kind
            )
            raise ConvoyError(
                Code.NOT_FOUND,
                f"there is no {self.kind} stage {message.stage[:64]!r}; "
                f"there are: {known or 'none'}",
                "STAGE_NOT_FOUND",
            )
        return stage

    def _alone(self, stage: StagePlan, message: Any, call: Call) -> StageRequest:
        """Read the request of a stage that is called alone."""
        now = asyncio.get_running_loop().time()
        request = CODECS[self.kind].read_request(message, now, call.timeout(TIMEOUT))
        batch = stage.consumes.admit(request.batch)
        _check_size(batch)
        return replace(request, pipeline="", step="", batch=batch)


def _check_size(batch: Batch) -> None:
    """Refuse what no pipeline would send in one batch: nothing queues before a stage alone."""
    limits = Limits()
    if batch.rows > limits.batch_rows:
        raise invalid("batch.rows", f"{batch.rows} rows; the limit is {limits.batch_rows}")
    if batch.nbytes > limits.batch_bytes:
        raise invalid("batch", f"{batch.nbytes} bytes; the limit is {limits.batch_bytes}")


class PreprocessServicer(_StageServicer):
    """Runs preprocess stages alone."""

    descriptor = pb.DESCRIPTOR.services_by_name["PreprocessService"]
    kind = StageKind.PREPROCESS

    async def Preprocess(self, request: pb.PreprocessRequest, call: Call) -> pb.PreprocessResponse:
        """Run one batch through one stage."""
        response: pb.PreprocessResponse = await self._run(request, call)
        return response


class InferenceServicer(_StageServicer):
    """Runs inference stages alone."""

    descriptor = pb.DESCRIPTOR.services_by_name["InferenceService"]
    kind = StageKind.INFERENCE

    async def Infer(self, request: pb.InferRequest, call: Call) -> pb.InferResponse:
        """Run one batch through one stage."""
        response: pb.InferResponse = await self._run(request, call)
        return response

    async def InferStream(
        self, request: pb.InferStreamRequest, call: Call
    ) -> AsyncIterator[pb.InferStreamResponse]:
        """Run one batch through one stage; a stage with one result a row answers once."""
        stage = self._stage(request)
        if stage.streaming:
            alone = self._alone(stage, request, call)
            async for increment in stream_alone(self._mesh.streams[stage.deployment], alone):
                yield to_message(increment)
            return
        response = await self._run(request, call)
        yield pb.InferStreamResponse(batch=response.batch, report=response.report)


class PostprocessServicer(_StageServicer):
    """Runs postprocess stages alone."""

    descriptor = pb.DESCRIPTOR.services_by_name["PostprocessService"]
    kind = StageKind.POSTPROCESS

    async def Postprocess(
        self, request: pb.PostprocessRequest, call: Call
    ) -> pb.PostprocessResponse:
        """Run one batch through one stage."""
        response: pb.PostprocessResponse = await self._run(request, call)
        return response

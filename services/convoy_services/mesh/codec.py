"""Stage requests and responses as the protobuf messages that cross a hop."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convoy.errors import invalid
from convoy.v1 import batch_pb2, stage_pb2
from convoy.wire import read_batch, write_batch
from convoy_services.mesh.context import MAX_ROWS, NORMAL, RowContext
from convoy_services.mesh.hop import StageReport, StageRequest, StageResponse
from convoy_services.mesh.increment import Increment
from convoy_services.mesh.stage import StageKind
from convoy_services.mesh.stream_status import StreamStatus

Payload = bytes | NDArray[np.uint8]
"""A serialized message: bytes by value, an array by reference through the object store."""

FAR = 1e9
"""Seconds: a deadline further away crosses as this, for int64 does not hold every float."""


@dataclass(frozen=True, slots=True)
class StageCodec:
    """The messages of one stage service; the three services differ in nothing else."""

    request: Any
    response: Any

    def write_request(self, request: StageRequest, now: float) -> bytes:
        """Serialize a request; deadlines become the time that remains at ``now``."""
        message = self.request(
            stage=request.stage,
            pipeline=request.pipeline,
            step=request.step,
            model_version=request.model_version,
        )
        message.trace.update(request.trace)
        _write_context(request.rows, message.rows, now)
        write_batch(request.batch, message.batch)
        return bytes(message.SerializeToString())

    def parse_request(self, payload: Payload, now: float, timeout: float) -> StageRequest:
        """Parse a request; a row that names no deadline has ``timeout`` seconds.

        Raises DecodeError for bytes that are no message, ConvoyError for a faulty batch.
        """
        return self.read_request(self.request.FromString(_buffer(payload)), now, timeout)

    def read_request(self, message: Any, now: float, timeout: float) -> StageRequest:
        """Read a parsed request message."""
        batch = read_batch(message.batch)
        return StageRequest(
            stage=message.stage,
            pipeline=message.pipeline,
            step=message.step,
            model_version=message.model_version,
            trace=dict(message.trace),
            rows=_read_context(message.rows, batch.rows, now, timeout),
            batch=batch,
        )

    def write_response(self, response: StageResponse) -> bytes:
        """Serialize a response."""
        return bytes(self.to_message(response).SerializeToString())

    def to_message(self, response: StageResponse) -> Any:
        """Write a response as a message."""
        message = self.response()
        write_batch(response.batch, message.batch)
        report = response.report
        message.report.queue_us = report.queue_us
        message.report.compute_us = report.compute_us
        message.report.expired = report.expired
        message.report.bisections = report.bisections
        return message

    def parse_response(self, payload: Payload) -> StageResponse:
        """Parse a response."""
        message = self.response.FromString(_buffer(payload))
        report = message.report
        return StageResponse(
            batch=read_batch(message.batch),
            report=StageReport(
                queue_us=report.queue_us,
                compute_us=report.compute_us,
                expired=report.expired,
                bisections=report.bisections,
            ),
        )


CODECS = {
    StageKind.PREPROCESS: StageCodec(stage_pb2.PreprocessRequest, stage_pb2.PreprocessResponse),
    StageKind.INFERENCE: StageCodec(stage_pb2.InferRequest, stage_pb2.InferResponse),
    StageKind.POSTPROCESS: StageCodec(stage_pb2.PostprocessRequest, stage_pb2.PostprocessResponse),
}
STREAM = StageCodec(stage_pb2.InferStreamRequest, stage_pb2.InferStreamResponse)
"""The messages of a streaming stage: its responses are increments, written and read below."""


def write_news(increment: Increment | None, status: StreamStatus) -> bytes:
    """Serialize what a step brought, if there was one, and what the replica does."""
    message = to_message(increment) if increment else stage_pb2.InferStreamResponse()
    message.status.running = status.running
    message.status.waiting = status.waiting
    message.status.blocks = status.blocks
    message.status.free_blocks = status.free_blocks
    return bytes(message.SerializeToString())


def to_message(increment: Increment) -> stage_pb2.InferStreamResponse:
    """Write what a step brought as a message; lists that are empty for every row stay out of it."""
    message = stage_pb2.InferStreamResponse(
        row_ids=increment.ids.astype("<u8").tobytes(), ended=increment.ended.tobytes()
    )
    batch = increment.batch
    told = [name for name, t in batch.columns.items() if t.splits is None or t.splits[-1]]
    write_batch(batch.select(told), message.batch)
    return message


def parse_news(payload: bytes) -> tuple[Increment | None, StreamStatus]:
    """Parse what a step brought, if there was one, and what the replica does."""
    message = stage_pb2.InferStreamResponse.FromString(payload)
    told = message.status
    status = StreamStatus(
        running=told.running,
        waiting=told.waiting,
        blocks=told.blocks,
        free_blocks=told.free_blocks,
    )
    if not message.row_ids:
        return None, status
    increment = Increment(
        ids=np.frombuffer(message.row_ids, "<u8"),
        batch=read_batch(message.batch),
        ended=np.frombuffer(message.ended, np.bool_),
    )
    return increment, status


def _buffer(payload: Payload) -> Any:
    """Give what protobuf parses without a copy: it takes a memoryview, but no array."""
    return payload if isinstance(payload, bytes) else payload.data


def _write_context(rows: RowContext, message: batch_pb2.RowContext, now: float) -> None:
    message.ids = rows.ids.tobytes()
    remaining = np.minimum(rows.deadlines - now, FAR)
    message.remaining_us = (remaining * 1e6).astype("<i8").tobytes()
    message.priorities = rows.priorities.tobytes()
    if rows.traceparents:
        message.traceparents.extend(rows.traceparents)
    if rows.tenants:
        message.tenants.extend(rows.tenants)


def _read_context(
    message: batch_pb2.RowContext, count: int, now: float, timeout: float
) -> RowContext:
    """Raises ConvoyError INVALID_ARGUMENT where a field has other rows than the batch."""
    if count > MAX_ROWS:
        raise invalid("batch.rows", f"{count} rows; the limit is {MAX_ROWS}")
    ids, remaining, priorities = message.ids, message.remaining_us, message.priorities
    traceparents, tenants = list(message.traceparents), list(message.tenants)
    for name, length, due in (
        ("ids", len(ids), 8 * count),
        ("remaining_us", len(remaining), 8 * count),
        ("priorities", len(priorities), count),
        ("traceparents", len(traceparents), count),
        ("tenants", len(tenants), count),
    ):
        if length not in (0, due):
            raise invalid(f"rows.{name}", f"the length is {length}; due are {due}, or none")
    return RowContext(
        ids=np.frombuffer(ids, "<u8") if ids else np.arange(count, dtype=np.uint64),
        deadlines=now + np.frombuffer(remaining, "<i8") / 1e6
        if remaining
        else np.full(count, now + timeout),
        priorities=np.frombuffer(priorities or bytes([NORMAL]) * count, np.uint8),
        traceparents=traceparents,
        tenants=tenants,
    )

"""Calls to a mesh by the generated stubs."""

from collections.abc import Sequence

import grpc
from google.rpc.status_pb2 import Status

from convoy import Batch, ConvoyError, Tensor
from convoy.status import from_status
from convoy.v1 import pipeline_pb2 as pb
from convoy.v1 import pipeline_pb2_grpc
from convoy.wire import read_batch, write_batch

TIMEOUT = 20.0
"""Seconds; a deadline, never an expectation."""


def run_request(pipeline: str, data: Sequence[bytes]) -> pb.RunRequest:
    """Make a request for a pipeline that takes the column ``data``."""
    request = pb.RunRequest(pipeline=pipeline)
    write_batch(Batch(rows=len(data), columns={"data": Tensor.texts(data)}), request.batch)
    return request


async def run(
    channel: grpc.aio.Channel, pipeline: str, data: Sequence[bytes], timeout: float = TIMEOUT
) -> Batch:
    """Run rows through a pipeline that takes the column ``data``."""
    stub = pipeline_pb2_grpc.PipelineServiceStub(channel)
    response = await stub.Run(run_request(pipeline, data), timeout=timeout)
    return read_batch(response.batch)


def details(error: grpc.aio.AioRpcError) -> ConvoyError:
    """Read the rich status of a call that failed."""
    trailers = dict(error.trailing_metadata())
    return from_status(Status.FromString(trailers["grpc-status-details-bin"]))

"""gRPC's errors as ConvoyError: the client's one boundary."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status

from convoy.client.channels import closed
from convoy.code import Code
from convoy.errors import ConvoyError
from convoy.status import from_status

DETAILS = "grpc-status-details-bin"


@contextmanager
def translated() -> Iterator[None]:
    """Let a failed call out as ConvoyError only; a cancelled task stays cancelled."""
    try:
        yield
    except grpc.aio.AioRpcError as exc:
        raise from_rpc_error(exc) from exc
    except asyncio.CancelledError:
        # grpc raises it, too, in every call of a channel that closes.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise closed() from None


def from_rpc_error(error: grpc.aio.AioRpcError) -> ConvoyError:
    """Read the rich status of a call; one without has gRPC's code and message alone.

    But CANCELLED, which is the caller's own doing, and then raised as CancelledError: of a call
    that nobody cancelled it says that a server or a balancer has reset the stream.
    """
    code = Code(error.code().value[0])
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS and isinstance(value, bytes):
            try:
                status = Status.FromString(value)
            except DecodeError:
                break
            if status.code == code:  # else it is not this call's: something between rewrote it
                return from_status(status)
    if code is Code.CANCELLED:
        return ConvoyError(Code.UNAVAILABLE, error.details() or "the server ended the call")
    return ConvoyError(code, error.details() or code.name)

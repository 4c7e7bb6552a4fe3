"""What is told of a connection to the mesh that failed."""

import logging
import math

import grpc

from convoy import Code, ConvoyError
from convoy.client.rpc_error import DETAILS, from_rpc_error


class Seldom(logging.Filter):
    """Lets one record a second pass: calls that fail come by the thousand."""

    _last = -math.inf

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is told."""
        due = record.created - self._last >= 1.0
        if due:
            self._last = record.created
        return due


log = logging.getLogger(__name__)
log.addFilter(Seldom())

RETRY_AFTER = 1.0
"""Seconds after which a mesh that was not there may be."""


def failure(error: grpc.aio.AioRpcError) -> ConvoyError:
    """Give the error of the mesh where it gave one; gRPC's own say addresses: they are logged."""
    if any(key == DETAILS for key, _ in error.trailing_metadata() or ()):
        return from_rpc_error(error)
    match error.code():
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return expired()
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return ConvoyError(Code.RESOURCE_EXHAUSTED, "the mesh refuses so large a message")
    log.warning("the mesh fails: %s: %s", error.code().name, error.details())
    return unavailable("the mesh does not answer")


def unavailable(message: str) -> ConvoyError:
    """Say that the mesh is out of reach."""
    return ConvoyError(Code.UNAVAILABLE, message, "UPSTREAM_UNAVAILABLE", retry_after=RETRY_AFTER)


def expired() -> ConvoyError:
    """Say that the deadline has passed."""
    return ConvoyError(Code.DEADLINE_EXCEEDED, "the deadline has passed")


def ending() -> ConvoyError:
    """Say that the gateway waits no longer."""
    return unavailable("the gateway is ending")

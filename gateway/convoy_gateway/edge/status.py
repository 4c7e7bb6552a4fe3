"""HTTP statuses for errors: by google.rpc.Code's table, or HTTP's own where that says more."""

import math

from convoy import Code, ConvoyError

STATUSES = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}
"""https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto"""

OWN = {
    "BODY_TIMEOUT": 408,
    "BODY_TOO_LARGE": 413,
    "METHOD_NOT_ALLOWED": 405,
    "UNSUPPORTED_ENCODING": 415,
}
"""By the reasons of errors that the gateway itself finds."""


def http_status(error: ConvoyError) -> int:
    """Give the HTTP status of an error."""
    return OWN.get(error.reason, STATUSES[error.code])


def retry_after(error: ConvoyError) -> dict[str, str]:
    """Give the header that tells when to try again, in whole seconds, where the error tells it."""
    if error.retry_after is None:
        return {}
    return {"retry-after": str(max(1, math.ceil(error.retry_after)))}

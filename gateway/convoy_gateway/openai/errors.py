"""Errors as OpenAI's clients read them."""

from typing import Any

from convoy import Code, ConvoyError
from convoy_gateway.edge.status import http_status

TYPES = {
    Code.UNAUTHENTICATED: "authentication_error",
    Code.PERMISSION_DENIED: "permission_error",
    Code.RESOURCE_EXHAUSTED: "rate_limit_error",
    Code.NOT_FOUND: "not_found_error",
    Code.UNAVAILABLE: "service_unavailable_error",
    Code.DEADLINE_EXCEEDED: "timeout_error",
}
REQUEST = (
    Code.INVALID_ARGUMENT,
    Code.FAILED_PRECONDITION,
    Code.OUT_OF_RANGE,
    Code.UNIMPLEMENTED,
    Code.RESOURCE_EXHAUSTED,
)


def body(error: ConvoyError) -> dict[str, Any]:
    """Write an error: ``param`` is the first faulty field, ``code`` the reason in lower case.

    Beside OpenAI's own fields come all ``violations``, and the ``stage`` where one is at fault.
    """
    kind = "invalid_request_error" if error.code in REQUEST else "server_error"
    if http_status(error) not in {413, 415}:
        kind = TYPES.get(error.code, kind)
    told: dict[str, Any] = {
        "message": error.message,
        "type": kind,
        "param": error.violations[0].field or None if error.violations else None,
        "code": error.reason.lower(),
    }
    if error.violations:
        told["violations"] = [
            {"field": v.field, "description": v.description} for v in error.violations
        ]
    if error.stage:
        told["stage"] = error.stage
    return {"error": told}

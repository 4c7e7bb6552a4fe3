"""What is told of each call: its span, and where its time went."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from convoy import Code, ConvoyError
from convoy.timing import KEY
from convoy_services.mesh.trace import trace_id
from convoy_services.rpc.call import Call
from convoy_services.telemetry.timing import timing

log = logging.getLogger("ray.serve.convoy")  # so that Serve's log files take it

_tracer = trace.get_tracer("convoy")
_FIELDS = propagate.get_global_textmap().fields
"""The metadata that may carry a trace."""

LONGEST = 8192
"""Characters of each: as W3C bounds baggage."""


@contextmanager
def observed(method: str, call: Call) -> Iterator[None]:
    """Trace a call as the RPC conventions have it, and tell its timing if that is asked for.

    https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
    """
    remote = propagate.extract(carried, Context()) if (carried := _carried(call)) else Context()
    span = _tracer.start_span(method[1:], remote, SpanKind.SERVER)
    call.context = trace.set_span_in_context(span, remote)
    code = Code.OK
    try:
        yield
    except ConvoyError as error:
        code = error.code
        span.set_attribute("error.type", error.reason)
        if fault_id := error.metadata.get("id"):
            extra = {"fault_id": fault_id, "trace_id": trace_id(call.context), "method": method}
            log.error("%s failed: fault %s", method, fault_id, extra=extra)
        raise
    except BaseException:
        code = Code.CANCELLED
        raise
    finally:
        if span.is_recording():
            _tell(span, method, code, call)
        span.end()
        if KEY in call.metadata and call.requests:
            call.trailers[KEY] = timing(call.requests, time.monotonic())


def _carried(call: Call) -> dict[str, str]:
    """Give the trace context and baggage that came along; what is too long is left behind."""
    there = {key: call.metadata[key] for key in _FIELDS & call.metadata.keys()}
    return {key: value for key, value in there.items() if len(value) <= LONGEST}


def _tell(span: Span, method: str, code: Code, call: Call) -> None:
    service, _, name = method[1:].rpartition("/")
    rows = sum(request.inputs.rows for request in call.requests)
    failures = [error for request in call.requests for error in request.failures.values()]
    span.set_attributes(
        {
            "rpc.system": "grpc",
            "rpc.service": service,
            "rpc.method": name,
            "rpc.grpc.status_code": code.value,
            "convoy.rows": rows,
        }
    )
    for request in call.requests:
        if request.journeys:
            left = min(journey.left for journey in request.journeys)
            span.set_attribute("convoy.queue_us", round((left - request.made) * 1e6))
    if code is not Code.OK:
        span.set_status(Status(StatusCode.ERROR, code.name))
    elif failures:
        span.set_attribute("error.type", failures[0].reason)
        span.set_status(Status(StatusCode.ERROR, f"{len(failures)} of {rows} rows failed"))

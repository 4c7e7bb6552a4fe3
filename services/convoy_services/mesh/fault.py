"""Exceptions that nobody foresaw, as errors that tell a caller no more than an id."""

import logging
from uuid import uuid4

from convoy import Code, ConvoyError

log = logging.getLogger("ray.serve.convoy")  # so that Serve's log files take it


def fault(where: str, exc: BaseException, stage: str = "") -> ConvoyError:
    """Log an exception under a new id, and give INTERNAL with that id."""
    fault_id = uuid4().hex
    extra = {"where": where, "fault_id": fault_id, "stage": stage}
    log.error("%s: fault %s", where, fault_id, exc_info=exc, extra=extra)
    message = f"an internal error; its id is {fault_id}"
    return ConvoyError(Code.INTERNAL, message, "INTERNAL", stage, metadata={"id": fault_id})

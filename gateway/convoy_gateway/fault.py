"""Exceptions that nobody foresaw, as errors that tell a caller no more than an id."""

import logging
from uuid import uuid4

from convoy import Code, ConvoyError

log = logging.getLogger(__name__)


def fault(exc: Exception) -> ConvoyError:
    """Log an exception under a new id, and give INTERNAL with that id."""
    fault_id = uuid4().hex
    log.error("fault %s", fault_id, exc_info=exc)
    message = f"an internal error of the gateway; its id is {fault_id}"
    return ConvoyError(Code.INTERNAL, message, metadata={"id": fault_id})

"""Every call's outcome: counted, and where it is an error told with its details."""

import asyncio
from typing import Any

from connectrpc.code import Code as ConnectCode
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext

from convoy import ConvoyError
from convoy_gateway.connect.error import FROM_CONNECT, to_connect
from convoy_gateway.fault import fault
from convoy_gateway.outcome import outcome
from convoy_gateway.upstream.failure import ending

REASONS = {ConnectCode.RESOURCE_EXHAUSTED: "BODY_TOO_LARGE"}
"""Of connectrpc's own errors: it exhausts nothing but the size of a message."""


class Told:
    """An interceptor of every call."""

    async def on_start(self, ctx: RequestContext[Any, Any]) -> None:
        """Name the call."""
        found = outcome()
        found.method = f"{ctx.method.service_name}/{ctx.method.name}"
        kind = ctx.request_headers.get("content-type", "")
        if kind.startswith("application/grpc-web"):
            found.dialect = "grpc-web"
        else:
            found.dialect = "connect-json" if "json" in kind else "connect"

    async def on_end(
        self, token: None, ctx: RequestContext[Any, Any], error: Exception | None
    ) -> None:
        """Raise an error once more with what it lacked."""
        if error is None:
            return
        known = self._known(error)
        outcome().code = FROM_CONNECT[known.code].name
        if known is not error:
            raise known from error

    def _known(self, error: Exception) -> ConnectError:
        if isinstance(error, ConvoyError):
            return to_connect(error)
        if not isinstance(error, ConnectError):
            return to_connect(fault(error))
        if error.details:
            return error
        task = asyncio.current_task()
        if task and task.cancelling():  # by the server, which ends: the client has not cancelled
            return to_connect(ending())
        code = FROM_CONNECT[error.code]
        return to_connect(ConvoyError(code, error.message, REASONS.get(error.code, "")))

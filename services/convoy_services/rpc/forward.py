"""Answers where there is no mesh in the process: by a handle to the ingress deployment."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle

from convoy_services.mesh.link import from_serve
from convoy_services.rpc.call import Call

APP, INGRESS = "convoy", "ingress"
"""The names of the Serve application and of its ingress deployment."""


class Forward:
    """Sends each call to an ingress replica: for Serve's own proxies."""

    def __init__(self) -> None:
        """Look for the ingress only when there is a call: proxies start before it does."""
        self._found: DeploymentHandle[Any] | None = None

    @property
    def _ingress(self) -> DeploymentHandle[Any]:
        if self._found is None:
            self._found = serve.get_deployment_handle(INGRESS, APP)
        return self._found

    async def unary(self, method: str, request: bytes, call: Call) -> bytes:
        """Answer with one message; raises ConvoyError."""
        try:
            response = self._ingress.unary.remote(
                method, request, _timeout(call), dict(call.metadata)
            )
            try:
                reply, trailers = await response
            except asyncio.CancelledError:
                response.cancel()  # type: ignore[no-untyped-call]  # Ray gives it no types
                raise
        except Exception as exc:
            raise from_serve(exc, INGRESS) from exc
        call.trailers.update(trailers)
        return bytes(reply)

    async def stream(self, method: str, request: bytes, call: Call) -> AsyncIterator[bytes]:
        """Answer with many messages; raises ConvoyError."""
        try:
            streaming: Any = self._ingress.options(stream=True)
            replies = streaming.stream.remote(method, request, _timeout(call), dict(call.metadata))
            try:
                async for reply in replies:
                    if isinstance(reply, dict):
                        call.trailers.update(reply)
                    else:
                        yield reply
            except (asyncio.CancelledError, GeneratorExit):
                replies.cancel()
                raise
        except Exception as exc:
            raise from_serve(exc, INGRESS) from exc


def _timeout(call: Call) -> float | None:
    return None if call.deadline is None else call.timeout(0)

"""The mesh, as the gateway calls it."""

from collections.abc import AsyncGenerator
from typing import Protocol

from convoy_gateway.upstream.call import Call


class Upstream(Protocol):
    """Calls methods of the mesh by their full names, as in ``/convoy.v1.PipelineService/Run``."""

    async def unary(self, method: str, request: bytes, call: Call) -> bytes:
        """Give the serialized reply to a serialized request; raises ConvoyError.

        Cancelling the task cancels the call.
        """
        ...

    def stream(self, method: str, request: bytes, call: Call) -> AsyncGenerator[bytes]:
        """Give the serialized replies; raises ConvoyError, also after some of them.

        Closing the iterator cancels the call.
        """
        ...

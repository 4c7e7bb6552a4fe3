"""How a session reaches one replica over Ray Serve."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from ray.serve.handle import DeploymentHandle
from ray.serve.request_router import PendingRequest, RequestRouter, RunningReplica

from convoy_services.mesh.increment import Ids
from convoy_services.mesh.link import from_serve, running

OF_SESSIONS = ("session", "control")
"""The methods of ``StreamHost`` whose first argument names the replica."""


class ToReplica(RequestRouter):
    """Routes a session's calls to the replica that their first argument names; others to any.

    They wait while it is not there. Each is matched with its own replica: Serve's other routers
    hand the replica that was found for one call to whichever waits longest.
    """

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,
    ) -> list[list[RunningReplica]]:
        """Choose that one."""
        if pending_request is None or pending_request.metadata.call_method not in OF_SESSIONS:
            return [candidate_replicas]
        pending_request.routing_context.should_backoff = True
        name = pending_request.args[0]
        return [[one for one in candidate_replicas if one.replica_id.unique_id == name]]


class ServeReplicas:
    """Reaches each replica of a deployment whose router is ``ToReplica``, over Serve's gRPC."""

    def __init__(self, handle: DeploymentHandle[Any], stage: str) -> None:
        """Reach the hosts of ``stage`` by ``handle``."""
        by_value = handle.options(
            _by_reference=False, request_serialization="pickle", response_serialization="pickle"
        )
        self._session = by_value.options(method_name="session", stream=True)
        self._control = by_value.options(method_name="control")
        self._stage = stage

    @property
    def names(self) -> list[str]:
        """Those that run."""
        return running(self._control)

    async def session(self, replica: str, name: str) -> AsyncIterator[bytes]:
        """Open a session; gives an empty message, then increments. Raises ConvoyError."""
        answer: Any = self._session.remote(replica, name)
        try:
            async for message in answer:
                yield message
        except Exception as exc:
            raise from_serve(exc, self._stage) from exc
        finally:
            answer.cancel()

    async def control(self, replica: str, name: str, begin: Sequence[bytes], cancel: Ids) -> None:
        """Begin with rows, then let go of others; raises ConvoyError."""
        try:
            await self._control.remote(replica, name, begin, cancel)
        except Exception as exc:
            raise from_serve(exc, self._stage) from exc

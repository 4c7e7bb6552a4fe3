"""The replicas of a streaming deployment, each reached by its name."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Protocol

from convoy_services.mesh.increment import Ids


class Replicas(Protocol):
    """Ways to each replica; the methods are those of ``StreamHost``."""

    @property
    def names(self) -> Collection[str]:
        """Those that take rows."""
        ...

    def session(self, replica: str, name: str) -> AsyncIterator[bytes]:
        """Open a session; gives an empty message, then increments. Raises ConvoyError."""
        ...

    async def control(self, replica: str, name: str, begin: Sequence[bytes], cancel: Ids) -> None:
        """Begin with rows, then let go of others; raises ConvoyError."""
        ...

"""Who is told what becomes of requests and batches."""

from typing import Protocol

from convoy_services.mesh.journey import Journey
from convoy_services.mesh.request import Request


class Observer(Protocol):
    """Is told of every end; it must be quick, and raise nothing."""

    def ended(self, pipeline: str, request: Request, error: BaseException | None) -> None:
        """A request was answered, refused, or given up.

        ``error`` is why it failed, or why its first row did.
        """

    def landed(self, pipeline: str, journey: Journey) -> None:
        """A batch came to its end."""


class _Nobody:
    """Does not care."""

    def ended(self, pipeline: str, request: Request, error: BaseException | None) -> None: ...

    def landed(self, pipeline: str, journey: Journey) -> None: ...


NOBODY: Observer = _Nobody()

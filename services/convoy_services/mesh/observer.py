"""Who is told what becomes of requests and batches."""

from typing import Protocol

from convoy_services.mesh.journey import Crossing, Journey
from convoy_services.mesh.request import Request


class Observer(Protocol):
    """Is told of every end; it must be quick, and raise nothing."""

    def ended(self, pipeline: str, request: Request, error: BaseException | None) -> None:
        """A request was answered, refused, or given up.

        ``error`` is why it failed, or why its first row did.
        """

    def landed(self, pipeline: str, journey: Journey) -> None:
        """A batch came to its end."""

    def streamed(self, pipeline: str, crossing: Crossing) -> None:
        """A row whose results come piece by piece came to its end."""


class Observers:
    """Tells several, one after the other."""

    def __init__(self, *observers: Observer) -> None:
        """Tell ``observers``."""
        self._observers = observers

    def ended(self, pipeline: str, request: Request, error: BaseException | None) -> None:
        """Tell of a request."""
        for observer in self._observers:
            observer.ended(pipeline, request, error)

    def landed(self, pipeline: str, journey: Journey) -> None:
        """Tell of a batch."""
        for observer in self._observers:
            observer.landed(pipeline, journey)

    def streamed(self, pipeline: str, crossing: Crossing) -> None:
        """Tell of a row."""
        for observer in self._observers:
            observer.streamed(pipeline, crossing)


NOBODY = Observers()

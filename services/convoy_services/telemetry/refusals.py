"""A line in the log for what is refused: one a second for each reason, not one a request."""

import logging
import time
from dataclasses import dataclass

from convoy import ConvoyError
from convoy_services.mesh.journey import Crossing, Journey
from convoy_services.mesh.request import Request
from convoy_services.mesh.trace import trace_id

log = logging.getLogger("ray.serve.convoy")  # so that Serve's log files take it

PERIOD = 1.0
"""Seconds between two lines of one reason."""

MOST = 256
"""Pairs of pipelines and reasons that are told apart: stages may have reasons of their own."""


@dataclass(slots=True)
class _Told:
    at: float
    since: int = 0
    """Refusals that no line has told of yet."""


class Refusals:
    """Logs them, as an Observer: the first at once, then how many there were since."""

    def __init__(self) -> None:
        """Begin with none."""
        self._told: dict[tuple[str, str], _Told] = {}

    def ended(self, pipeline: str, request: Request, error: BaseException | None) -> None:
        """Log a refusal, unless a line told of its like within the last second."""
        if not isinstance(error, ConvoyError) or request.journeys:
            return
        key = (pipeline, error.reason if len(self._told) < MOST else "")
        told = self._told.setdefault(key, _Told(-PERIOD))
        told.since += 1
        now = time.monotonic()
        if now - told.at < PERIOD:
            return
        # The id alone of one of them: what callers send is nobody's business here.
        extra = {
            "pipeline": pipeline,
            "reason": error.reason,
            "requests": told.since,
            "trace_id": trace_id(request.context),
        }
        log.warning("refused: %s %s, %d requests", pipeline, key[1], told.since, extra=extra)
        told.at, told.since = now, 0

    def landed(self, pipeline: str, journey: Journey) -> None:
        """Let it pass."""

    def streamed(self, pipeline: str, crossing: Crossing) -> None:
        """Let it pass."""

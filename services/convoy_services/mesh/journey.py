"""What became of one batch on its way: timings, metrics and traces are made of it.

Times are those of ``time.monotonic``: an event loop's own clock may count in milliseconds.
"""

from collections import Counter
from dataclasses import dataclass, field

from opentelemetry.context import Context

from convoy_services.mesh.hop import Carriage, StageReport


@dataclass(slots=True, kw_only=True)
class Crossing:
    """A batch there and back over one hop."""

    hop: str
    rows: int
    """How many went."""
    began: float
    ended: float = 0.0
    report: StageReport = field(default_factory=StageReport)
    carriage: Carriage = field(default_factory=Carriage)
    sent_again: int = 0
    """Rows that went once more because no replica had answered."""
    orphans: int = 0
    """Rows that went after their cancellation had arrived: there must be none."""
    fell_back: Counter[str] = field(default_factory=Counter)
    """Rows that took the step's fallback, by the reason."""
    error: str = ""
    """The reason for which the hop failed as a whole."""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.began


@dataclass(slots=True, kw_only=True)
class Journey:
    """A batch from the queue to its end."""

    rows: int = 0
    nbytes: int = 0
    """Of its input columns."""
    requests: int = 0
    version: str = ""
    """The version of the pipeline's models that it meets; empty where there are none."""
    left: float = 0.0
    landed: float = 0.0
    cancelled: int = 0
    """Rows that were dropped on the way because nobody waited for them any more."""
    late: int = 0
    """Rows that were dropped on the way because their deadline had passed."""
    failed: int = 0
    """Rows that ended with an error."""
    crossings: list[Crossing] = field(default_factory=list)
    context: Context = field(default_factory=Context)
    """OpenTelemetry's, with the span of the batch where it is traced."""

    @property
    def reports(self) -> dict[str, StageReport]:
        """What each hop said of its work, by the hop's name."""
        return {crossing.hop: crossing.report for crossing in self.crossings}

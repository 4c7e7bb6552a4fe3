"""What a pipeline has done since its ingress started."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from convoy_services.mesh.journey import Journey
from convoy_services.mesh.stage import StageKind


@dataclass(slots=True)
class Total:
    """How often something happened, and how long it took in all."""

    count: int = 0
    seconds: float = 0.0

    def add(self, seconds: float, count: int = 1) -> None:
        """Count ``count`` events of ``seconds`` each."""
        self.count += count
        self.seconds += seconds * count


def _totals() -> dict[StageKind, Total]:
    return {kind: Total() for kind in StageKind}


@dataclass(slots=True)
class BatchStatistics:
    """The batches of one size."""

    compute: dict[StageKind, Total] = field(default_factory=_totals)
    """By the kind of stage, once a batch."""


@dataclass(slots=True)
class Sent:
    """Rows that went over a hop and should rather not have."""

    again: int = 0
    """Sent once more because no replica answered."""
    orphans: int = 0
    """Sent after their cancellation had arrived: there must be none."""

    def add(self, journey: Journey) -> None:
        """Count those of a batch, whatever became of it."""
        self.again += sum(crossing.sent_again for crossing in journey.crossings)
        self.orphans += sum(crossing.orphans for crossing in journey.crossings)


@dataclass(slots=True)
class Statistics:
    """The requests and batches of one pipeline; a request counts when it ends."""

    success: Total = field(default_factory=Total)
    """Requests that were answered, from admission to the answer."""
    fail: Total = field(default_factory=Total)
    """Requests that were refused or failed as a whole."""
    queue: Total = field(default_factory=Total)
    """How long requests waited until the first of their rows left."""
    compute: dict[StageKind, Total] = field(default_factory=_totals)
    """How long stages computed, by their kind, once for each request of a batch."""
    left: int = 0
    """Batches that left."""
    rows: int = 0
    """Rows of the batches that came back."""
    sent: Sent = field(default_factory=Sent)
    batches: dict[int, BatchStatistics] = field(default_factory=dict)
    """By the number of rows."""
    last: float = 0.0
    """When the last request was answered, in seconds since the epoch; 0 when none was."""

    def batch(self, journey: Journey, kinds: Mapping[str, StageKind]) -> None:
        """Count a batch by what each hop, of those kinds, reported."""
        self.rows += journey.rows
        batch = self.batches.setdefault(journey.rows, BatchStatistics())
        spent = dict.fromkeys(StageKind, 0.0)
        for hop, report in journey.reports.items():
            spent[kinds[hop]] += report.compute_us / 1e6
        for kind, seconds in spent.items():
            batch.compute[kind].add(seconds)
            self.compute[kind].add(seconds, journey.requests)

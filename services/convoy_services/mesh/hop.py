"""One crossing of a batch into a deployment and back."""

from dataclasses import dataclass
from typing import Protocol

from convoy import Batch
from convoy_services.mesh.context import RowContext


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReport:
    """What a stage says of its work."""

    queue_us: int = 0
    """How long the batch waited inside the replica."""
    compute_us: int = 0
    """How long the stage computed."""
    expired: int = 0
    """Rows dropped because their deadline had passed."""
    bisections: int = 0
    """How often the batch was split to find a faulty row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRequest:
    """A batch on its way into a stage."""

    stage: str
    pipeline: str = ""
    """Empty when the stage is called alone."""
    step: str = ""
    model_version: str = ""
    """The version pinned at admission; empty means the newest."""
    rows: RowContext
    batch: Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResponse:
    """The batch that comes out: as many rows as went in."""

    batch: Batch
    report: StageReport = StageReport()


class Link(Protocol):
    """A way to a deployment."""

    @property
    def ready(self) -> bool:
        """Whether a replica is there that takes batches."""
        ...

    async def call(self, request: StageRequest) -> StageResponse:
        """Carry the batch there and back.

        Raises ConvoyError when the whole batch failed; rows that failed alone are in the
        response's batch.
        """
        ...

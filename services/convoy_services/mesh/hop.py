"""One crossing of a batch into a deployment and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol, Self

from convoy import Batch
from convoy.tensor import Index
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


class Transport(StrEnum):
    """How a batch reached a stage."""

    VALUE = "value"
    """Inside the message of the call."""
    REFERENCE = "reference"
    """Through Ray's object store."""
    IN_PROCESS = "in_process"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carriage:
    """What it took to carry a batch there and back."""

    transport: Transport = Transport.IN_PROCESS
    sent: int = 0
    """Bytes."""
    received: int = 0
    """Bytes."""
    serialize_s: float = 0.0
    """Seconds spent on writing the request and parsing the response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRequest:
    """A batch on its way into a stage."""

    stage: str
    pipeline: str = ""
    """Empty when the stage is called alone."""
    step: str = ""
    model_version: str = ""
    """The version pinned at admission; empty means the newest."""
    trace: Mapping[str, str] = field(default_factory=dict)
    """The trace context of the call as W3C headers, where the batch is traced."""
    rows: RowContext
    batch: Batch

    def take(self, index: Index) -> Self:
        """Give the request of the rows named by ``index``."""
        if len(index) == self.batch.rows:
            return self
        return replace(self, rows=self.rows.take(index), batch=self.batch.take(index))


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResponse:
    """The batch that comes out: as many rows as went in."""

    batch: Batch
    report: StageReport = StageReport()
    carriage: Carriage = Carriage()


class Link(Protocol):
    """A way to a deployment."""

    @property
    def replicas(self) -> int:
        """How many replicas are there that take batches."""
        ...

    async def call(self, request: StageRequest) -> StageResponse:
        """Carry the batch there and back.

        Raises ConvoyError when the whole batch failed; rows that failed alone are in the
        response's batch.
        """
        ...


class Deployment(Link, Protocol):
    """A deployment, with all its replicas."""

    async def bring(self, version: str) -> None:
        """Load a version of its stages' models into every replica; raises ConvoyError."""
        ...

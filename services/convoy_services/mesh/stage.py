"""What a pipeline's author writes: stages."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from convoy import Batch
from convoy.tensor import Index
from convoy_services.mesh.column import Columns
from convoy_services.mesh.increment import Ids, Increment
from convoy_services.mesh.stream_status import StreamStatus


class StageKind(StrEnum):
    """The Protobuf service that a stage belongs to."""

    PREPROCESS = "preprocess"
    INFERENCE = "inference"
    POSTPROCESS = "postprocess"


class Stage(ABC):
    """A step's work: many rows in, as many out.

    Derive from ``Preprocess``, ``Inference`` or ``Postprocess``. ``__init__`` takes the stage's
    settings from mesh.yaml as keyword arguments and must be cheap, for it also runs where the
    configuration is checked; ``load`` does the rest.
    """

    kind: ClassVar[StageKind]
    consumes: Columns
    """The columns of the batch that ``process`` is given; ``__init__`` may set them."""
    produces: Columns
    """The columns of the batch that ``process`` gives back; ``__init__`` may set them."""
    idempotent: ClassVar[bool] = True
    """False for a stage with side effects: a batch that fails is then never tried again."""
    cpus: float = 0.1
    """The CPUs of a replica: on the class what mesh.yaml may change, on the stage what it got."""
    gpus: float = 0
    """The GPUs of a replica, as mesh.yaml says: Ray shows it no others."""
    repository: Path | None = None
    """Where the versions of the stage's model are: a folder with one in each of its sub-folders
    ``1``, ``2`` …; ``__init__`` sets it where there are such. Each version that is loaded has a
    stage of its own."""
    folder: Path
    """The version that ``load`` is to bring in, where there is a repository."""
    offload: ClassVar[bool] = True
    """Whether ``process`` runs in the replica's compute thread. False only for work that takes
    well under a millisecond: it then runs on the replica's event loop."""

    def absent(self) -> str:
        """Say what ``load`` would not find on this machine; empty where that is not known.

        A mesh that is to run here is asked before it starts.
        """
        return ""

    def load(self) -> None:
        """Bring in models and files, once a replica, before it is ready."""

    def warm(self) -> None:
        """Do a first piece of work after ``load``, so that the first caller need not wait."""

    @abstractmethod
    def process(self, batch: Batch) -> Batch:
        """Turn the columns of ``consumes`` into those of ``produces``, row for row.

        A row that cannot be done goes into the result's ``failures``; an exception makes the
        host look for the row at fault by halving the batch. Rows that are done with less than
        there should be go into its ``degradations``, without the name of a step.
        """

    def close(self) -> None:
        """Let go of what ``load`` brought in."""


class Divisible(ABC):
    """A stage, too, that is given batches in parts; a part may hold rows of several batches.

    Derive from it where rows that are alike are cheaper together.
    """

    @abstractmethod
    def cut(self, batch: Batch) -> Sequence[Index]:
        """Cut all rows that wait into the parts, each an array of rows, best computed together."""


class Preprocess(Stage):
    """A stage that turns what a caller sends into what a model takes."""

    kind = StageKind.PREPROCESS


class Inference(Stage):
    """A stage that runs a model."""

    kind = StageKind.INFERENCE


class Postprocess(Stage):
    """A stage that turns what a model gives into what a caller wants."""

    kind = StageKind.POSTPROCESS


class Streaming(Inference):
    """An inference stage whose rows have many results each, as they come: an engine.

    Results of one row are put together column by column: what is BYTES or ragged is added to what
    came before it, of anything else the last value stands. All methods but ``load`` and ``warm``
    run on the replica's event loop and return at once.
    """

    @abstractmethod
    def open(self, emit: Callable[[Increment], None]) -> None:
        """Begin, after ``load``; each step's results go to ``emit``, from any thread.

        Their batches hold the columns of ``produces``.
        """

    @abstractmethod
    def submit(self, ids: Ids, batch: Batch) -> None:
        """Begin with rows under the numbers ``ids``; a row that is refused is emitted as failed."""

    @abstractmethod
    def cancel(self, ids: Ids) -> None:
        """Let go of rows, within a step; nothing more of them is emitted but what is under way."""

    def status(self) -> StreamStatus:
        """Tell what it does."""
        return StreamStatus()

    def check(self) -> None:
        """Raise where nothing more is to come of any row: the replica is then replaced."""

    def process(self, batch: Batch) -> Batch:
        """Refuse: it has no single result."""
        raise NotImplementedError("a streaming stage is given rows by submit")


class Incremental(Postprocess):
    """A postprocess stage behind a streaming one, in whose deployment it is placed.

    It is given each step's results as they come, on the replica's event loop.
    """

    def begin(self, ids: Ids, batch: Batch) -> None:
        """Take the columns of ``consumes`` that came with new rows and do not stream."""

    @abstractmethod
    def advance(self, increment: Increment) -> Increment:
        """Turn the columns of ``consumes`` that stream into those of ``produces``, row for row.

        A row may be said to have ended: the engine then lets go of it.
        """

    def forget(self, ids: Ids) -> None:
        """Let go of what is kept of rows: they have ended."""

    def process(self, batch: Batch) -> Batch:
        """Refuse: it needs the results before."""
        raise NotImplementedError("an incremental stage stands behind a streaming one")

"""Small stages, to be named in the configurations of tests."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from convoy import Batch, Code, ConvoyError, Datatype, Degradation, Tensor
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Inference, Postprocess, Preprocess

INT = Column("INT64")


class Add(Inference):
    """Adds ``by``: x INT64 [] → y INT64 []."""

    consumes = Columns(x=INT)
    produces = Columns(y=INT)
    offload = False

    def __init__(
        self, *, by: int = 1, bad: Sequence[int] = (), refused: Sequence[int] = ()
    ) -> None:
        """Raise for numbers in ``bad``, refuse those in ``refused`` row by row."""
        self._by = by
        self._bad = bad
        self._refused = refused

    def process(self, batch: Batch) -> Batch:
        x = batch["x"].array
        if np.isin(x, self._bad).any():
            raise RuntimeError("secret: /etc/passwd")
        refused = np.flatnonzero(np.isin(x, self._refused)).tolist()
        error = ConvoyError(Code.FAILED_PRECONDITION, "not this one", "REFUSED")
        return self.produces.pack(
            rows=batch.rows, y=x + self._by, failures=dict.fromkeys(refused, error)
        )


class Versioned(Inference):
    """Adds the number in its version's file ``by``: x INT64 [] → y INT64 []."""

    consumes = Columns(x=INT)
    produces = Columns(y=INT)
    closed: ClassVar[list[int]] = []

    def __init__(self, *, model: str) -> None:
        self.repository = Path(model)

    def load(self) -> None:
        self._by = int((self.folder / "by").read_text())

    def process(self, batch: Batch) -> Batch:
        return self.produces.pack(rows=batch.rows, y=batch["x"].array + self._by)

    def close(self) -> None:
        self.closed.append(self._by)


class Charge(Add):
    """Adds, with a side effect."""

    idempotent = False


class AddLater(Add):
    """Adds, in the compute thread."""

    offload = True


class Gate(AddLater):
    """Adds, once it is open."""

    open: ClassVar[threading.Event] = threading.Event()
    entered: ClassVar[threading.Event] = threading.Event()
    seen: ClassVar[list[int]] = []

    def process(self, batch: Batch) -> Batch:
        self.seen.extend(batch["x"].tolist())
        self.entered.set()
        assert self.open.wait(20)
        return super().process(batch)


class Total(Postprocess):
    """Adds two: a INT64 [], b INT64 [] → total INT64 []."""

    consumes = Columns(a=INT, b=INT)
    produces = Columns(total=INT)
    offload = False

    def process(self, batch: Batch) -> Batch:
        total = batch["a"].array + batch["b"].array
        return self.produces.pack(rows=batch.rows, total=total)


class Odd(Preprocess):
    """Tells odd numbers: x INT64 [] → odd BOOL []."""

    consumes = Columns(x=INT)
    produces = Columns(odd=Column("BOOL"))
    offload = False

    def process(self, batch: Batch) -> Batch:
        return self.produces.pack(rows=batch.rows, odd=batch["x"].array % 2 == 1)


class Count(Preprocess):
    """Counts up to x: x INT64 [] → upto INT64 [-1]."""

    consumes = Columns(x=INT)
    produces = Columns(upto=Column("INT64", [-1]))
    offload = False

    def process(self, batch: Batch) -> Batch:
        return self.produces.pack(
            rows=batch.rows, upto=[list(range(n)) for n in batch["x"].array.tolist()]
        )


class Score(Inference):
    """Scores each entry: upto INT64 [-1] → scores FP32 [-1]."""

    consumes = Columns(upto=Column("INT64", [-1]))
    produces = Columns(scores=Column("FP32", [-1]))
    offload = False

    def process(self, batch: Batch) -> Batch:
        upto = batch["upto"]
        scores = Tensor(
            datatype=Datatype.FP32,
            rows=batch.rows,
            shape=(-1,),
            data=upto.data.astype(np.float32) / 2,
            splits=upto.splits,
        )
        return self.produces.pack(rows=batch.rows, scores=scores)


class Name(Postprocess):
    """Names a number: x INT64 [], prefix BYTES [] → name BYTES []."""

    consumes = Columns(x=INT, prefix=Column("BYTES", default="no. "))
    produces = Columns(name=Column("BYTES"))
    offload = False

    def process(self, batch: Batch) -> Batch:
        names = [
            prefix + str(x).encode()
            for prefix, x in zip(batch["prefix"].elements(), batch["x"].array.tolist(), strict=True)
        ]
        return self.produces.pack(rows=batch.rows, name=names)


class Wide(Inference):
    """Has columns that nothing else has: x INT64 [] → wide FP32 [4]."""

    consumes = Columns(x=INT)
    produces = Columns(wide=Column("FP32", [4]))

    def process(self, batch: Batch) -> Batch:
        raise NotImplementedError


class Fussy(Preprocess):
    """Refuses its settings."""

    consumes = Columns(x=INT)
    produces = Columns(y=INT)

    def __init__(self, *, size: int) -> None:
        if size < 1:
            raise ValueError("size is at least 1")

    def process(self, batch: Batch) -> Batch:
        raise NotImplementedError


class Silent(Preprocess):
    """Does not say what it takes and gives."""

    def process(self, batch: Batch) -> Batch:
        raise NotImplementedError


class NoStage:
    """Is none."""


class Vectors(Inference):
    """Turns a text into its first bytes: text BYTES [] → pooled FP32 [4]; "bad" fails."""

    consumes = Columns(text=Column("BYTES"))
    produces = Columns(pooled=Column("FP32", [4]))
    offload = False

    def process(self, batch: Batch) -> Batch:
        texts = batch["text"].elements()
        bad = [row for row, text in enumerate(texts) if text == b"bad"]
        error = ConvoyError(Code.INVALID_ARGUMENT, "the text is bad", "BAD_TEXT")
        pooled = [[float(byte) - 100 for byte in text[:4].ljust(4, b"d")] for text in texts]
        return self.produces.pack(
            rows=batch.rows, pooled=pooled, failures=dict.fromkeys(bad, error)
        )


class Careful(Preprocess):
    """Takes only finite numbers: x FP32 [] → kept FP32 []."""

    consumes = Columns(x=Column("FP32", finite=True))
    produces = Columns(kept=Column("FP32"))

    def process(self, batch: Batch) -> Batch:
        return self.produces.pack(rows=batch.rows, kept=batch["x"])


class Careless(Careful):
    """Takes any: x FP32 [] → kept FP32 []."""

    consumes = Columns(x=Column("FP32"))


class Doubtful(Add):
    """Adds, and says of even numbers that it could not look them up."""

    def process(self, batch: Batch) -> Batch:
        even = np.flatnonzero(batch["x"].array % 2 == 0).tolist()
        made = super().process(batch)
        return Batch(
            rows=made.rows,
            columns=made.columns,
            degradations=(Degradation("", "NOT_LOOKED_UP", tuple(even)),),
        )

"""Columns of every type, each beside the nested lists that it must equal."""

import math
from typing import Any

import ml_dtypes
import numpy as np
from hypothesis import strategies as st

from convoy import Batch, ConvoyError, Datatype, Degradation, Tensor, Violation
from convoy.code import Code
from convoy.datatype import DTYPES


def elements(datatype: Datatype) -> st.SearchStrategy[Any]:
    """Values that the type holds exactly."""
    dtype = DTYPES[datatype]
    match datatype:
        case Datatype.BYTES:
            return st.binary(max_size=5)
        case Datatype.BOOL:
            return st.booleans()
        case Datatype.FP16 | Datatype.FP32 | Datatype.FP64:
            return st.floats(width=8 * dtype.itemsize, allow_nan=False)  # type: ignore[arg-type]
        case Datatype.BF16:
            bits = st.integers(0, 2**16 - 1).map(lambda n: np.uint16(n).view(ml_dtypes.bfloat16))
            return bits.map(float).filter(lambda value: not math.isnan(value))
        case _:
            limits = np.iinfo(dtype)
            return st.integers(int(limits.min), int(limits.max))


def values(datatype: Datatype, shape: tuple[int, ...], rows: int) -> st.SearchStrategy[list[Any]]:
    """Rows of that type and shape, as nested lists."""
    row = elements(datatype)
    for size in reversed(shape):
        low, high = (0, 3) if size < 0 else (size, size)
        row = st.lists(row, min_size=low, max_size=high)
    return st.lists(row, min_size=rows, max_size=rows)


SHAPES = st.lists(st.integers(1, 3), max_size=3).flatmap(
    lambda inner: st.sampled_from([tuple(inner), (-1, *inner)])
)
DATATYPES = st.sampled_from(list(Datatype))
ROWS = st.integers(0, 5)


@st.composite
def columns(draw: st.DrawFn, rows: int | None = None) -> tuple[Tensor, list[Any]]:
    """A tensor, and its rows as nested lists."""
    datatype, shape = draw(DATATYPES), draw(SHAPES)
    count = draw(ROWS) if rows is None else rows
    nested = draw(values(datatype, shape, count))
    return Tensor.pack(nested, datatype, shape), nested


# Protobuf's strings are UTF-8: no lone surrogates.
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
SECONDS = st.integers(0, 10**12).map(lambda ns: ns / 1e9)

ERRORS = st.builds(
    ConvoyError,
    code=st.sampled_from(list(Code)),
    message=TEXTS,
    reason=st.sampled_from(["", "QUEUE_FULL", "BUDGET_EXCEEDED"]),
    stage=TEXTS,
    violations=st.lists(st.builds(Violation, TEXTS, TEXTS), max_size=3),
    retry_after=st.none() | SECONDS,
    metadata=st.dictionaries(TEXTS.filter(lambda key: key != "stage"), TEXTS, max_size=3),
)


@st.composite
def batches(draw: st.DrawFn) -> tuple[Batch, dict[str, list[Any]]]:
    """A batch with failures and degradations, and its columns as nested lists."""
    rows = draw(ROWS)
    given = draw(st.dictionaries(TEXTS, columns(rows), max_size=3))
    row = st.integers(0, max(0, rows - 1))
    batch = Batch(
        rows=rows,
        columns={name: tensor for name, (tensor, _) in given.items()},
        failures=draw(st.dictionaries(row, ERRORS, max_size=2)) if rows else {},
        degradations=draw(st.lists(_degradations(row), max_size=2).map(tuple)) if rows else (),
    )
    return batch, {name: nested for name, (_, nested) in given.items()}


def _degradations(row: st.SearchStrategy[int]) -> st.SearchStrategy[Degradation]:
    return st.builds(Degradation, TEXTS, TEXTS, st.lists(row, max_size=3).map(tuple))


def parts(error: ConvoyError) -> tuple[Any, ...]:
    """All that an error says, to compare two."""
    return (
        error.code,
        error.message,
        error.reason,
        error.stage,
        error.violations,
        error.retry_after,
        error.metadata,
    )

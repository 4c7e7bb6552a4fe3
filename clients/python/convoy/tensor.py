"""A column of a batch: the values of all rows in one flat numpy array."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from convoy.datatype import DTYPES, FROM_DTYPE, Datatype

Index = NDArray[np.int64]

MAX_DIMENSIONS = 32
"""Of a row: numpy takes twice as many, and the product of millions takes minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """The values of ``rows`` rows, laid end to end, little-endian.

    ``shape`` is that of one row, () for a scalar. A first dimension of -1 makes the rows ragged:
    row i then holds the entries ``splits[i]`` to ``splits[i + 1]`` of that dimension. An element
    of BYTES is ``data[offsets[j]:offsets[j + 1]]``.
    """

    datatype: Datatype
    rows: int
    shape: tuple[int, ...] = ()
    data: NDArray[Any]
    """1-D: all elements, of the datatype's numpy dtype; for BYTES all bytes, as uint8."""
    splits: Index | None = None
    """int64 [rows + 1] when ragged, else None."""
    offsets: Index | None = None
    """int64 [elements + 1] for BYTES, else None."""

    # Making one

    @classmethod
    def pack(cls, values: Any, datatype: Datatype, shape: Sequence[int] = ()) -> Self:
        """Make a tensor of rows given as an array or nested sequences.

        Text becomes UTF-8. Raises ValueError when the values do not fit the type and shape.
        """
        shape = tuple(shape)
        splits = None
        if shape and shape[0] < 0:
            rows = len(values)
            splits = ascending([len(row) for row in values])
            values = [entry for row in values for entry in row]
            if not values and datatype is not Datatype.BYTES:
                values = np.empty((0, *shape[1:]), DTYPES[datatype])
        if datatype is Datatype.BYTES:
            array = np.array(values, dtype=object)
            flat = [v.encode() if isinstance(v, str) else v for v in array.reshape(-1).tolist()]
            _expect(all(isinstance(v, bytes) for v in flat), "BYTES take text or bytes")
            offsets = ascending([len(v) for v in flat])
            data: NDArray[Any] = np.frombuffer(b"".join(flat), np.uint8)
        else:
            array = _convert(values, DTYPES[datatype])
            offsets = None
            data = np.ascontiguousarray(array).reshape(-1)
        inner = shape[1:] if splits is not None else shape
        count = int(splits[-1]) if splits is not None else len(values)
        if splits is None:
            rows = count
        _expect(array.size == count * prod(inner), f"the values do not fill rows of {list(shape)}")
        return cls(
            datatype=datatype, rows=rows, shape=shape, data=data, splits=splits, offsets=offsets
        )

    @classmethod
    def of(cls, array: NDArray[Any]) -> Self:
        """Make a tensor of an array of numbers, [rows, *shape], by its own dtype and shape.

        Raises ValueError where no datatype has that dtype.
        """
        datatype = FROM_DTYPE.get(array.dtype.newbyteorder("<"))
        if datatype is None:
            raise ValueError(f"no datatype is {array.dtype}; there are: {', '.join(Datatype)}")
        _expect(array.ndim > 0, "the first dimension of an array is its rows")
        return cls.pack(array, datatype, array.shape[1:])

    @classmethod
    def texts(cls, values: Sequence[str | bytes]) -> Self:
        """Make a BYTES tensor of one text a row."""
        flat = [v.encode() if isinstance(v, str) else v for v in values]
        return cls(
            datatype=Datatype.BYTES,
            rows=len(flat),
            data=np.frombuffer(b"".join(flat), np.uint8),
            offsets=ascending([len(v) for v in flat]),
        )

    @classmethod
    def zeros(cls, rows: int, datatype: Datatype, shape: tuple[int, ...]) -> Self:
        """Make a tensor of zeros; ragged rows and BYTES are empty."""
        ragged = bool(shape) and shape[0] < 0
        count = 0 if ragged else rows * prod(shape)
        is_bytes = datatype is Datatype.BYTES
        return cls(
            datatype=datatype,
            rows=rows,
            shape=shape,
            data=np.zeros(0 if is_bytes else count, DTYPES[datatype]),
            splits=np.zeros(rows + 1, np.int64) if ragged else None,
            offsets=np.zeros(count + 1, np.int64) if is_bytes else None,
        )

    # Reading it

    @property
    def width(self) -> int:
        """How many elements one entry holds: a row, or one entry of a ragged row."""
        return prod(self.shape if self.splits is None else self.shape[1:])

    @property
    def array(self) -> NDArray[Any]:
        """The values, [rows, *shape]; of a ragged tensor all entries, [entries, *shape[1:]]."""
        _expect(self.offsets is None, "BYTES have no dense array; read elements()")
        if self.splits is None:
            return self.data.reshape(self.rows, *self.shape)
        return self.data.reshape(-1, *self.shape[1:])

    @property
    def lengths(self) -> Index:
        """How many entries each ragged row has, int64 [rows]."""
        _expect(self.splits is not None, "the rows are not ragged")
        assert self.splits is not None
        return np.diff(self.splits)

    @property
    def nbytes(self) -> int:
        """The size on the wire, in bytes."""
        return (
            self.data.nbytes
            + (0 if self.splits is None else self.splits.nbytes)
            + (0 if self.offsets is None else self.offsets.nbytes)
        )

    def elements(self) -> list[bytes]:
        """All elements of BYTES, those of every row end to end."""
        assert self.offsets is not None
        raw, ends = self.data.tobytes(), self.offsets.tolist()
        return [raw[a:b] for a, b in pairwise(ends)]

    def strings(self) -> list[str]:
        """All elements of BYTES as text. Raises UnicodeDecodeError where they are not UTF-8."""
        return [element.decode() for element in self.elements()]

    def numpy(self) -> NDArray[Any]:
        """The rows as an array, [rows, *shape], that is not to be written to; BYTES as bytes.

        Of a ragged tensor an array of arrays: object [rows], each of [entries, *shape[1:]].
        """
        flat = self._flat()
        if self.splits is None:
            return flat.reshape(self.rows, *self.shape)
        entries = flat.reshape(int(self.splits[-1]), *self.shape[1:])
        ragged = np.empty(self.rows, object)
        for row, (a, b) in enumerate(pairwise(self.splits.tolist())):
            ragged[row] = entries[a:b]
        return ragged

    def tolist(self) -> list[Any]:
        """The rows as nested Python lists; BYTES as bytes."""
        flat = self._flat()
        if self.splits is None:
            return list(flat.reshape(self.rows, *self.shape).tolist())
        entries = flat.reshape(-1, *self.shape[1:]).tolist() if self.width else []
        if not self.width:
            entries = np.empty((int(self.splits[-1]), *self.shape[1:])).tolist()
        ends = self.splits.tolist()
        return [entries[a:b] for a, b in pairwise(ends)]

    def _flat(self) -> NDArray[Any]:
        """Give all elements, 1-D."""
        if self.offsets is None:
            return self.data
        flat = np.empty(len(self.offsets) - 1, object)
        flat[:] = self.elements()
        return flat

    # Cutting and joining

    def slice(self, start: int, stop: int) -> Self:
        """Give the rows from ``start`` to ``stop``; the data is shared, not copied."""
        if start == 0 and stop == self.rows:
            return self
        splits, first, last = None, start, stop
        if self.splits is not None:
            first, last = int(self.splits[start]), int(self.splits[stop])
            splits = self.splits[start : stop + 1] - first
        first, last = first * self.width, last * self.width
        offsets = None
        if self.offsets is not None:
            offsets = self.offsets[first : last + 1]
            first, last = int(offsets[0]), int(offsets[-1])
            offsets = offsets - first
        return self._with(stop - start, self.data[first:last], splits, offsets)

    def take(self, index: Index) -> Self:
        """Give the rows named by ``index``, int64 [n], in that order."""
        entries, splits = index, None
        if self.splits is not None:
            entries, splits = _gather(self.splits, index)
        if self.offsets is None:
            data = self.data.reshape(-1, self.width)[entries] if self.width else self.data
            return self._with(len(index), data.reshape(-1), splits, None)
        if self.width != 1:
            entries = (entries[:, None] * self.width + np.arange(self.width)).reshape(-1)
        places, offsets = _gather(self.offsets, entries)
        return self._with(len(index), self.data[places], splits, offsets)

    @classmethod
    def concat(cls, tensors: Sequence[Self]) -> Self:
        """Join tensors of one datatype and shape; raises ValueError where they differ."""
        first = tensors[0]
        if len(tensors) == 1:
            return first
        for tensor in tensors:
            _expect(
                tensor.datatype is first.datatype and tensor.shape == first.shape,
                "only tensors of one datatype and shape join",
            )
        return first._with(
            sum([t.rows for t in tensors]),
            np.concatenate([t.data for t in tensors]),
            None if first.splits is None else _join([t.splits for t in tensors]),
            None if first.offsets is None else _join([t.offsets for t in tensors]),
        )

    def _with(
        self, rows: int, data: NDArray[Any], splits: Index | None, offsets: Index | None
    ) -> Self:
        return type(self)(
            datatype=self.datatype,
            rows=rows,
            shape=self.shape,
            data=data,
            splits=splits,
            offsets=offsets,
        )

    def spread(self, index: Index, rows: int) -> Self:
        """Put row i at place ``index[i]`` of ``rows`` rows; the others are zeros, or empty."""
        blank = type(self).zeros(1, self.datatype, self.shape)
        places = np.full(rows, self.rows, np.int64)
        places[index] = np.arange(self.rows)
        return type(self).concat([self, blank]).take(places)

    # Checking what comes from outside

    def check(self) -> None:
        """Raise ValueError where lengths, splits and offsets contradict each other."""
        most = MAX_DIMENSIONS
        _expect(len(self.shape) <= most, f"{len(self.shape)} dimensions; the limit is {most}")
        _expect(all(d >= 0 for d in self.shape[1:]), "only the first dimension may be -1")
        ragged = bool(self.shape) and self.shape[0] < 0
        _expect(not ragged or self.shape[0] == -1, "a dimension is a size, or -1 for ragged")
        # Rows without elements would let few bytes stand for any number of rows or entries.
        _expect(0 not in self.shape, "a size is positive")
        _expect(ragged == (self.splits is not None), "row_splits belong to ragged rows alone")
        is_bytes = self.datatype is Datatype.BYTES
        _expect(is_bytes == (self.offsets is not None), "offsets belong to BYTES alone")
        count = self.rows
        if self.splits is not None:
            _check_ascending("row_splits", self.splits, self.rows)
            count = int(self.splits[-1])
        count *= self.width
        if self.offsets is not None:
            _check_ascending("offsets", self.offsets, count)
            count = int(self.offsets[-1])
        if len(self.data) != count:
            unit = "bytes" if is_bytes else "elements"
            there = f"the data holds {len(self.data)} {unit}"
            raise ValueError(f"{there} where shape and rows call for {count}")
        if self.datatype is Datatype.BOOL:
            _expect(int(self.data.view(np.uint8).max(initial=0)) <= 1, "a BOOL is 0 or 1")


def ascending(lengths: Iterable[int] | Index) -> Index:
    """Give the boundaries of consecutive parts of the given lengths, from 0, int64 [n + 1]."""
    lengths = np.fromiter(lengths, np.int64) if not isinstance(lengths, np.ndarray) else lengths
    ends = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=ends[1:])
    return ends


def _convert(values: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Make an array; only floats may be rounded. Raises ValueError for values out of range."""
    plain = np.asarray(values)
    if plain.dtype == dtype:
        return plain
    _expect(plain.dtype.kind not in "OSU", f"the values are not all {dtype.name}")
    try:
        with np.errstate(all="ignore"):
            array = np.asarray(values, dtype)  # not from plain: [0, 2**63] is float64 there
    except OverflowError as exc:
        raise ValueError(f"a value is out of the range of {dtype.name}") from exc
    exact = dtype.kind in "biu"
    same = array == plain if exact else np.isfinite(array) == np.isfinite(plain)
    _expect(bool(np.all(same)), f"a value is out of the range of {dtype.name}")
    return array


def _gather(ends: Index, index: Index) -> tuple[Index, Index]:
    """Give the places of the parts named by ``index``, and their boundaries once gathered."""
    starts = ends[index]
    lengths = ends[index + 1] - starts
    gathered = ascending(lengths)
    return np.repeat(starts - gathered[:-1], lengths) + np.arange(gathered[-1]), gathered


def _join(parts: Sequence[Index | None]) -> Index:
    whole: list[Index] = []
    end = 0
    for part in parts:
        assert part is not None
        whole.append(part[1:] + end if whole else part)
        end += int(part[-1])
    return np.concatenate(whole)


def _check_ascending(name: str, ends: Index, parts: int) -> None:
    if len(ends) != parts + 1:
        raise ValueError(f"{name} has {len(ends)} entries where {parts + 1} are due")
    if ends[0] != 0:
        raise ValueError(f"{name} does not begin at 0")
    if (ends[1:] < ends[:-1]).any():
        raise ValueError(f"{name} does not ascend")


def _expect(holds: object, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)

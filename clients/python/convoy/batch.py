"""Rows that travel together, as columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from convoy.errors import ConvoyError, Violation
from convoy.tensor import Index, Tensor


@dataclass(frozen=True, slots=True)
class Degradation:
    """The rows whose result holds the fallback of an optional step."""

    step: str
    reason: str
    """Why, for a program: the reason of the failure that the fallback stands in for."""
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """``rows`` rows as named tensors; a row may have failed, or be degraded."""

    rows: int
    columns: Mapping[str, Tensor] = field(default_factory=dict)
    failures: Mapping[int, ConvoyError] = field(default_factory=dict)
    """Why a row has no result, by the row's index; its values mean nothing."""
    degradations: tuple[Degradation, ...] = ()

    def __getitem__(self, name: str) -> Tensor:
        """Give the column of that name; raises KeyError when there is none."""
        return self.columns[name]

    def raise_for_failures(self) -> Self:
        """Give the batch back if every row has a result.

        Raises the first failed row's ConvoyError, whose violations name each row that failed.
        """
        if not self.failures:
            return self
        rows = sorted(self.failures)
        first = self.failures[rows[0]]
        raise ConvoyError(
            first.code,
            f"{len(rows)} of {self.rows} rows failed; row {rows[0]}: {first.message}",
            first.reason,
            first.stage,
            [Violation(f"rows[{row}]", self.failures[row].message) for row in rows],
            first.retry_after,
            first.metadata,
        )

    @property
    def nbytes(self) -> int:
        """The size of all columns, in bytes."""
        return sum([tensor.nbytes for tensor in self.columns.values()])

    def select(self, names: Iterable[str]) -> Self:
        """Give the same rows with only the named columns."""
        return self._with(self.rows, {name: self.columns[name] for name in names})

    def slice(self, start: int, stop: int) -> Self:
        """Give the rows from ``start`` to ``stop``; the data is shared, not copied."""
        if start == 0 and stop == self.rows:
            return self
        columns = {name: tensor.slice(start, stop) for name, tensor in self.columns.items()}
        failures = {row - start: e for row, e in self.failures.items() if start <= row < stop}
        degradations = tuple(
            Degradation(d.step, d.reason, rows)
            for d in self.degradations
            if (rows := tuple(row - start for row in d.rows if start <= row < stop))
        )
        return type(self)(
            rows=stop - start, columns=columns, failures=failures, degradations=degradations
        )

    def take(self, index: Index) -> Self:
        """Give the rows named by ``index``, int64 [n], in that order, without their failures."""
        columns = {name: tensor.take(index) for name, tensor in self.columns.items()}
        return type(self)(rows=len(index), columns=columns)

    def spread(self, index: Index, rows: int) -> Self:
        """Put row i at place ``index[i]`` of ``rows`` rows; the others are zeros, or empty."""
        return type(self)(
            rows=rows,
            columns={name: tensor.spread(index, rows) for name, tensor in self.columns.items()},
            failures={int(index[row]): error for row, error in self.failures.items()},
            degradations=tuple(
                Degradation(d.step, d.reason, tuple(int(index[row]) for row in d.rows))
                for d in self.degradations
            ),
        )

    @classmethod
    def concat(cls, batches: Sequence[Self]) -> Self:
        """Join batches that have the same columns; raises ValueError where types differ."""
        if len(batches) == 1:
            return batches[0]
        columns = {
            name: Tensor.concat([batch.columns[name] for batch in batches])
            for name in batches[0].columns
        }
        failures: dict[int, ConvoyError] = {}
        degraded: dict[tuple[str, str], list[int]] = {}
        start = 0
        for batch in batches:
            for row, error in batch.failures.items():
                failures[start + row] = error
            for d in batch.degradations:
                degraded.setdefault((d.step, d.reason), []).extend(start + row for row in d.rows)
            start += batch.rows
        return cls(
            rows=start,
            columns=columns,
            failures=failures,
            degradations=tuple(Degradation(*k, tuple(rows)) for k, rows in degraded.items()),
        )

    def _with(self, rows: int, columns: Mapping[str, Tensor]) -> Self:
        return type(self)(
            rows=rows, columns=columns, failures=self.failures, degradations=self.degradations
        )

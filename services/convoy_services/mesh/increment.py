"""What one step of a streaming stage brought."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from convoy import Batch
from convoy.tensor import Index

Ids = NDArray[np.uint64]
"""Rows by number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Increment:
    """New results of some rows, those of a row in the order in which they came."""

    ids: Ids
    """uint64 [n]: the row that each row of the batch belongs to."""
    batch: Batch
    """n rows; those among its failures have ended. Where it came in a message, columns of lists
    that are empty for every row are not among its columns."""
    ended: NDArray[np.bool_]
    """bool [n]: whether nothing more is to come."""
    _plain: dict[str, list[Any]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Let what failed have ended."""
        if self.batch.failures:
            ended = self.ended.copy()
            ended[list(self.batch.failures)] = True
            object.__setattr__(self, "ended", ended)

    def value(self, column: str, place: int) -> Any:
        """Give a value of row ``place`` as plain Python; BYTES as bytes.

        A column is read once, whoever asks: all rows of a step ask for theirs. One that did not
        come is of lists, and empty.
        """
        if column not in self._plain:
            tensor = self.batch.columns.get(column)
            self._plain[column] = tensor.tolist() if tensor else [[]] * len(self.ids)
        return self._plain[column][place]

    def take(self, index: Index) -> Self:
        """Give the news named by ``index``, int64 [n], ascending."""
        if len(index) == len(self.ids):
            return self
        batch = self.batch.take(index)
        if self.batch.failures:
            failed = {n: self.batch.failures.get(row) for n, row in enumerate(index.tolist())}
            failures = {n: error for n, error in failed.items() if error}
            batch = Batch(rows=batch.rows, columns=batch.columns, failures=failures)
        return type(self)(ids=self.ids[index], batch=batch, ended=self.ended[index])

    @classmethod
    def join(cls, increments: list[Self]) -> Self:
        """Put what several steps brought into one."""
        if len(increments) == 1:
            return increments[0]
        return cls(
            ids=np.concatenate([one.ids for one in increments]),
            batch=Batch.concat([one.batch for one in increments]),
            ended=np.concatenate([one.ended for one in increments]),
        )


@dataclass(frozen=True, slots=True)
class News:
    """What an increment brought of one row, under the names of its pipeline's outputs."""

    increment: Increment
    place: int
    names: Mapping[str, str]
    """Output → the increment's column."""

    def __getitem__(self, output: str) -> Any:
        """Give a value as plain Python; raises KeyError where there is no such output."""
        return self.increment.value(self.names[output], self.place)

    @property
    def last(self) -> bool:
        """Whether nothing more is to come."""
        return bool(self.increment.ended[self.place])

"""A batch whose stage raises is tried again in halves until the row at fault stands alone."""

from collections.abc import Callable, Mapping

from convoy import Batch, ConvoyError, Tensor
from convoy_services.mesh.column import Columns
from convoy_services.mesh.fault import fault

DOUBT = 2
"""At how many levels every part must fail before the stage itself is held to be broken."""


class Bisection:
    """Runs a stage's ``process`` and finds out which rows it cannot do."""

    def __init__(
        self, stage: str, process: Callable[[Batch], Batch], produces: Columns, *, retry: bool
    ) -> None:
        """Run ``process``; without ``retry`` (side effects) a batch that raises fails whole."""
        self._stage = stage
        self._process = process
        self._produces = produces
        self._retry = retry

    def run(self, batch: Batch) -> tuple[Batch, int]:
        """Give the stage's columns, with a failure for each row at fault, and the splits made."""
        try:
            return self._attempt(batch), 0
        except Exception as exc:
            error = as_error(exc, self._stage)
        if batch.rows == 1 or not self._retry:
            return self._all_fail(batch.rows, error), 0
        parts: list[tuple[int, int]] = [(0, batch.rows)]
        done: dict[int, Batch] = {}
        splits = level = 0
        while parts:
            level += 1
            failed: list[tuple[int, int]] = []
            halves = [half for part in parts for half in _halves(*part)]
            splits += len(parts)
            for start, stop in halves:
                try:
                    done[start] = self._attempt(batch.slice(start, stop))
                except Exception as exc:
                    error = as_error(exc, self._stage)
                    if stop - start == 1:
                        done[start] = self._all_fail(1, error)
                    else:
                        failed.append((start, stop))
            if level == DOUBT and failed and len(failed) == 2**DOUBT:
                return self._all_fail(batch.rows, error), splits
            parts = failed
        return Batch.concat([done[start] for start in sorted(done)]), splits

    def _attempt(self, batch: Batch) -> Batch:
        result = self._process(batch)
        if result.rows != batch.rows:
            raise ValueError(f"{batch.rows} rows went in and {result.rows} came out")
        self._produces.check(result)
        if not all(0 <= row < batch.rows for row in result.failures):
            raise ValueError("a row failed that there is not")
        failures = {row: as_error(error, self._stage) for row, error in result.failures.items()}
        return Batch(
            rows=result.rows,
            columns=result.select(self._produces).columns,
            failures=failures,
            degradations=result.degradations,
        )

    def _all_fail(self, rows: int, error: ConvoyError) -> Batch:
        return blank(rows, self._produces, dict.fromkeys(range(rows), error))


def blank(rows: int, columns: Columns, failures: Mapping[int, ConvoyError]) -> Batch:
    """Give rows of zeros that have failed."""
    zeros = {name: Tensor.zeros(rows, c.datatype, c.shape) for name, c in columns.items()}
    return Batch(rows=rows, columns=zeros, failures=failures)


def as_error(exc: Exception, stage: str) -> ConvoyError:
    """Give what a caller may know of an exception; all else goes to the log under an id."""
    if isinstance(exc, ConvoyError):
        return ConvoyError(
            exc.code,
            exc.message,
            exc.reason,
            exc.stage or stage,
            exc.violations,
            exc.retry_after,
            exc.metadata,
        )
    return fault(f"stage {stage}", exc, stage)


def _halves(start: int, stop: int) -> list[tuple[int, int]]:
    middle = (start + stop + 1) // 2
    return [(start, middle), (middle, stop)]

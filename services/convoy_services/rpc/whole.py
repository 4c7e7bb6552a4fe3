"""Typed calls fail whole: one row without a result and the call has none."""

from convoy import Batch, ConvoyError, Violation


def whole(result: Batch, field: str) -> Batch:
    """Give the result if every row has one.

    Raises the first row's ConvoyError, naming each row that failed as ``field[row]``.
    """
    if not result.failures:
        return result
    first = result.failures[min(result.failures)]
    raise ConvoyError(
        first.code,
        first.message,
        first.reason,
        first.stage,
        [
            Violation(f"{field}[{row}]", result.failures[row].message)
            for row in sorted(result.failures)
        ],
        first.retry_after,
        first.metadata,
    )

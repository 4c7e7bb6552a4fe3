"""The one error type of the mesh, its services and its clients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convoy.code import Code


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with one field of a request."""

    field: str
    """The path of the field, as in ``texts[3]``."""
    description: str
    """What is wrong with it and what would be right."""


class ConvoyError(Exception):
    """A call or a row that failed.

    Every argument goes to ``Exception`` too, so that the error survives pickling between
    processes unchanged.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        reason: str = "",
        stage: str = "",
        violations: Sequence[Violation] = (),
        retry_after: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Build the error; ``reason`` is UPPER_SNAKE_CASE, ``retry_after`` in seconds."""
        super().__init__(code, message, reason, stage, violations, retry_after, metadata)
        self.code = code
        self.message = message
        self.reason = reason or code.name
        self.stage = stage
        self.violations = tuple(violations)
        self.retry_after = retry_after
        self.metadata = dict(metadata or {})

    def __str__(self) -> str:
        """Give the code, the reason where it says more, the stage and the message."""
        reason = f" {self.reason}" if self.reason != self.code.name else ""
        where = f" (stage {self.stage})" if self.stage else ""
        return f"{self.code.name}{reason}{where}: {self.message}"


def invalid(
    field: str, description: str, *more: Violation, reason: str = "INVALID_REQUEST"
) -> ConvoyError:
    """Refuse a request because of one field, or of several; the empty field is all of it."""
    violations = (Violation(field, description), *more)
    told = (f"{v.field}: {v.description}" if v.field else v.description for v in violations[:3])
    message = "; ".join(told)
    if len(violations) > 3:
        message += f"; and {len(violations) - 3} more"
    return ConvoyError(Code.INVALID_ARGUMENT, message, reason, violations=violations)

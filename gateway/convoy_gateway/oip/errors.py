"""Errors as the protocol writes them, JSON with an ``error``, and beside it what gRPC tells."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from convoy import ConvoyError


class FieldViolation(BaseModel):
    """What is wrong with one field of a request."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    field: str
    """The path of the field, as in ``inputs[0].data``; empty for the whole request."""
    description: str
    """What is wrong with it and what would be right."""


class InferenceError(BaseModel):
    """Why a call failed."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    error: str
    """What went wrong, for people."""
    code: str
    """The name of gRPC's code, as in ``NOT_FOUND``."""
    reason: str
    """What went wrong, for programs, as in ``MODEL_NOT_FOUND``."""
    stage: str = ""
    """The stage that failed, where one did."""
    violations: list[FieldViolation] = Field(default_factory=list)
    """The faulty fields, where there are such."""
    retry_after: float | None = None
    """Seconds after which the same call may succeed, where that is known."""


def body(error: ConvoyError) -> dict[str, Any]:
    """Give the JSON of an error: an InferenceError without what does not apply."""
    told = InferenceError(
        error=error.message,
        code=error.code.name,
        reason=error.reason,
        stage=error.stage,
        violations=[
            FieldViolation(field=violation.field, description=violation.description)
            for violation in error.violations
        ],
        retry_after=error.retry_after,
    )
    absent = {name for name in ("stage", "violations") if not getattr(told, name)}
    return told.model_dump(exclude=absent, exclude_none=True)

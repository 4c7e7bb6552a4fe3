"""Errors as the protocol's JSON."""

from convoy import Code, ConvoyError
from convoy.errors import Violation, invalid
from convoy_gateway.oip import errors


def test_what_does_not_apply_is_left_out() -> None:
    assert errors.body(ConvoyError(Code.INTERNAL, "a fault")) == {
        "error": "a fault",
        "code": "INTERNAL",
        "reason": "INTERNAL",
    }


def test_everything_is_told_that_the_error_tells() -> None:
    error = ConvoyError(Code.RESOURCE_EXHAUSTED, "full", "QUEUE_FULL", "encode", retry_after=0.25)
    assert errors.body(error) == {
        "error": "full",
        "code": "RESOURCE_EXHAUSTED",
        "reason": "QUEUE_FULL",
        "stage": "encode",
        "retry_after": 0.25,
    }


def test_at_once_is_a_time_to_try_again() -> None:
    assert errors.body(ConvoyError(Code.UNAVAILABLE, "left", retry_after=0.0))["retry_after"] == 0


def test_violations_are_told_by_field() -> None:
    error = invalid("inputs[0].data", "missing", Violation("id", "no text"))
    assert errors.body(error)["violations"] == [
        {"field": "inputs[0].data", "description": "missing"},
        {"field": "id", "description": "no text"},
    ]

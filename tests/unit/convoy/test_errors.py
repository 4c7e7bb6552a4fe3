"""The one error type."""

import pytest

from convoy import Code, ConvoyError, Violation
from convoy.errors import invalid


def test_the_text_names_code_reason_and_stage() -> None:
    error = ConvoyError(
        Code.INVALID_ARGUMENT, "no", "BAD", "rank", [Violation("a", "b"), Violation("c", "d")]
    )
    assert str(error) == "INVALID_ARGUMENT BAD (stage rank): no"


def test_the_reason_of_an_error_that_gives_none_is_its_code() -> None:
    assert ConvoyError(Code.ABORTED, "").reason == "ABORTED"


@pytest.mark.parametrize(
    ("count", "ends"), [(1, "f0: d"), (3, "f2: d"), (4, "and 1 more"), (9, "and 6 more")]
)
def test_a_refusal_names_the_first_fields_and_counts_the_rest(count: int, ends: str) -> None:
    first, *more = [Violation(f"f{i}", "d") for i in range(count)]
    error = invalid(first.field, first.description, *more)
    assert error.code is Code.INVALID_ARGUMENT
    assert error.message.endswith(ends)
    assert len(error.violations) == count


def test_a_refusal_of_a_whole_request_names_no_field() -> None:
    assert invalid("", "no such message").message == "no such message"


def test_what_is_given_may_change_later() -> None:
    metadata, violations = {"a": "b"}, [Violation("f", "d")]
    error = ConvoyError(Code.INTERNAL, "", violations=violations, metadata=metadata)
    metadata.clear()
    violations.clear()
    assert error.metadata == {"a": "b"}
    assert len(error.violations) == 1

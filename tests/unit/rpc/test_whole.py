"""Typed calls fail whole."""

import pytest

from convoy import Batch, Code, ConvoyError
from convoy_services.rpc.whole import whole


def test_a_result_without_failures_is_given_as_it_is() -> None:
    result = Batch(rows=2)
    assert whole(result, "texts") is result


def test_the_first_failure_speaks_for_the_call_and_every_row_is_named() -> None:
    failures = {
        3: ConvoyError(Code.INTERNAL, "third"),
        1: ConvoyError(
            Code.UNAVAILABLE, "first", "BUSY", "rank", retry_after=1.0, metadata={"k": "v"}
        ),
    }
    with pytest.raises(ConvoyError) as caught:
        whole(Batch(rows=4, failures=failures), "texts")
    error = caught.value
    assert (error.code, error.message, error.reason) == (Code.UNAVAILABLE, "first", "BUSY")
    assert (error.stage, error.retry_after, error.metadata) == ("rank", 1.0, {"k": "v"})
    assert [(v.field, v.description) for v in error.violations] == [
        ("texts[1]", "first"),
        ("texts[3]", "third"),
    ]

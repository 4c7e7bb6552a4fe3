"""Errors of the mesh as Connect writes them."""

import base64

import pytest
from connectrpc._protocol import ConnectWireError
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo

from convoy import Code, ConvoyError, Violation
from convoy_gateway.connect.error import FROM_CONNECT, TO_CONNECT, to_connect
from convoy_gateway.edge.status import STATUSES, http_status, retry_after


def test_every_code_has_its_like_both_ways() -> None:
    assert set(TO_CONNECT) == set(Code) - {Code.OK}
    assert {FROM_CONNECT[theirs] for theirs in TO_CONNECT.values()} == set(TO_CONNECT)


def test_an_error_has_every_detail_for_programs_and_for_people() -> None:
    error = ConvoyError(
        Code.INVALID_ARGUMENT, "no", "BAD", "tokenize", [Violation("texts[1]", "empty")], 1.5
    )
    written = ConnectWireError.from_exception(to_connect(error)).to_dict()
    assert (written["code"], written["message"]) == ("invalid_argument", "no")
    info, bad, retry = written["details"]
    assert [d["type"] for d in written["details"]] == [
        "google.rpc.ErrorInfo",
        "google.rpc.BadRequest",
        "google.rpc.RetryInfo",
    ]
    assert ErrorInfo.FromString(base64.b64decode(info["value"] + "===")).reason == "BAD"
    assert BadRequest.FromString(base64.b64decode(bad["value"] + "===")).field_violations
    assert RetryInfo.FromString(base64.b64decode(retry["value"] + "===")).retry_delay.seconds == 1
    assert info["debug"] == {"reason": "BAD", "domain": "convoy", "metadata": {"stage": "tokenize"}}
    assert bad["debug"] == {"fieldViolations": [{"field": "texts[1]", "description": "empty"}]}
    assert retry["debug"] == {"retryDelay": "1.500s"}


def test_every_code_has_the_status_that_connect_gives_it() -> None:
    assert set(STATUSES) == set(Code)
    for code in TO_CONNECT:
        wire = ConnectWireError.from_exception(to_connect(ConvoyError(code, "")))
        assert http_status(ConvoyError(code, "")) == wire.to_http_status().code


@pytest.mark.parametrize(("seconds", "header"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (1.1, "2")])
def test_the_time_to_retry_after_is_whole_seconds(seconds: float, header: str) -> None:
    error = ConvoyError(Code.UNAVAILABLE, "", retry_after=seconds)
    assert retry_after(error) == {"retry-after": header}
    assert retry_after(ConvoyError(Code.UNAVAILABLE, "")) == {}

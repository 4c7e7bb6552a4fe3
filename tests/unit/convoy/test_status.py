"""Errors in the forms in which they travel."""

import pickle

import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2 as details
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st

from convoy import Code, ConvoyError
from convoy.errors import Violation
from convoy.status import HEADER_BYTES, brief, from_failure, from_status, to_failure, to_status
from convoy.v1 import batch_pb2 as pb
from tests.unit.convoy.strategies import ERRORS, parts


@pytest.mark.parametrize("code", list(Code))
def test_every_code_comes_back_from_a_status(code: Code) -> None:
    assert from_status(to_status(ConvoyError(code, "it failed"))).code is code


@pytest.mark.parametrize("code", list(Code))
def test_every_code_comes_back_from_a_failure(code: Code) -> None:
    assert from_failure(to_failure(ConvoyError(code, "it failed"))).code is code


@pytest.mark.parametrize("code", list(Code))
def test_every_code_comes_back_from_a_pickle(code: Code) -> None:
    assert pickle.loads(pickle.dumps(ConvoyError(code, "it failed"))).code is code


@given(ERRORS)
def test_an_error_comes_back_whole_from_a_status(error: ConvoyError) -> None:
    raw = to_status(error).SerializeToString()
    assert parts(from_status(Status.FromString(raw))) == parts(error)


@given(ERRORS)
def test_an_error_comes_back_whole_from_a_failure(error: ConvoyError) -> None:
    raw = to_failure(error).SerializeToString()
    assert parts(from_failure(pb.Failure.FromString(raw))) == parts(error)


@given(ERRORS, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_an_error_comes_back_whole_from_a_pickle(error: ConvoyError, protocol: int) -> None:
    read = pickle.loads(pickle.dumps(error, protocol))
    assert type(read) is ConvoyError
    assert parts(read) == parts(error)
    assert str(read) == str(error)


@pytest.mark.parametrize("number", [-1, 17, 9999])
def test_a_number_that_is_no_code_is_unknown(number: int) -> None:
    assert from_status(Status(code=number)).code is Code.UNKNOWN
    assert from_failure(pb.Failure(code=number)).code is Code.UNKNOWN


def test_details_of_other_types_are_passed_over() -> None:
    status = to_status(ConvoyError(Code.UNAVAILABLE, "later", "REPLICA_BUSY", retry_after=1.5))
    status.details.add(type_url="type.googleapis.com/google.rpc.Nothing", value=b"\xff")
    packed = Any()
    packed.Pack(details.Help())
    status.details.append(packed)
    assert parts(from_status(status)) == parts(
        ConvoyError(Code.UNAVAILABLE, "later", "REPLICA_BUSY", retry_after=1.5)
    )


def test_details_that_do_not_parse_are_passed_over() -> None:
    status = Status(code=14)
    for kind in ("ErrorInfo", "BadRequest", "RetryInfo"):
        status.details.add(type_url=f"type.googleapis.com/google.rpc.{kind}", value=b"\xff")
    error = from_status(status)
    assert error.reason == "UNAVAILABLE"
    assert error.retry_after is None


def test_a_status_without_details_has_its_code_as_its_reason() -> None:
    error = from_status(Status(code=5, message="gone"))
    assert parts(error) == parts(ConvoyError(Code.NOT_FOUND, "gone"))
    assert error.reason == "NOT_FOUND"


def test_a_foreign_retry_delay_of_any_length_is_read() -> None:
    packed = Any()
    packed.Pack(details.RetryInfo(retry_delay=Duration(seconds=2**62)))
    assert from_status(Status(code=8, details=[packed])).retry_after == pytest.approx(2**62)


@given(ERRORS)
def test_an_error_that_fits_a_header_stays_as_it_is(error: ConvoyError) -> None:
    assert brief(error) is error


@pytest.mark.parametrize(
    ("texts", "fields"),
    [
        pytest.param(4000, "texts[{}]", id="many violations"),
        pytest.param(1, "x" * 100_000, id="a long field"),
        pytest.param(300, "ü" * 500, id="many long fields"),
    ],
)
def test_an_error_too_large_for_a_header_is_cut_to_its_first_violations(
    texts: int, fields: str
) -> None:
    """gRPC's clients threw such an error away and said RESOURCE_EXHAUSTED instead."""
    error = ConvoyError(
        Code.INVALID_ARGUMENT,
        "ü" * 5000,
        "BAD",
        "rank",
        [Violation(fields.format(i), "it is empty") for i in range(texts)],
        2.0,
        {f"key{i}": "v" * 1000 for i in range(100)},
    )
    short = brief(error)
    assert to_status(short).ByteSize() + 3 * len(short.message.encode()) <= 1.5 * HEADER_BYTES
    assert (short.code, short.reason, short.stage) == (error.code, error.reason, error.stage)
    assert short.retry_after == 2.0
    assert short.violations[0].field[:100] == error.violations[0].field[:100]
    assert error.message.startswith(short.message.rstrip("…"))

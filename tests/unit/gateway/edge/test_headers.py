"""A call of headers: its deadline, and what is passed on."""

import pytest
from starlette.datastructures import Headers

from convoy import Code, ConvoyError
from convoy_gateway.edge.headers import metadata, to_call
from convoy_gateway.settings import Settings

SETTINGS = Settings(timeout=30, max_timeout=100)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2.5", 2.5), ("1", 1), ("0.001", 0.001), ("100", 100), ("101", 100), ("9" * 18, 100)],
)
def test_a_request_names_its_timeout(text: str, seconds: float) -> None:
    call = to_call({"x-request-timeout": text}, SETTINGS, now=1000.0)
    assert call.deadline == pytest.approx(1000 + seconds)


def test_a_request_without_a_timeout_has_the_default() -> None:
    assert to_call({}, SETTINGS, now=1000.0).deadline == 1030


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "0.0",
        "-1",
        "",
        " ",
        "nan",
        "inf",
        "1e3",
        "1s",
        "0x10",
        "1_0",
        ".5",
        "5.",
        "٣",
        "1" * 99,
    ],
)
def test_a_timeout_that_is_no_number_above_0_is_refused(text: str) -> None:
    with pytest.raises(ConvoyError) as caught:
        to_call({"x-request-timeout": text}, SETTINGS, now=0.0)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert [v.field for v in caught.value.violations] == ["x-request-timeout"]


def test_tracing_and_convoys_own_headers_are_passed_on() -> None:
    headers = Headers(
        raw=[
            (b"TraceParent", b"00-1-2-01"),
            (b"tracestate", b"a=1"),
            (b"tracestate", b"b=2"),
            (b"baggage", b"user=7"),
            (b"Convoy-Priority", b"low"),
            (b"convoy-empty", b""),
            (b"authorization", b"secret"),
            (b"cookie", b"secret"),
        ]
    )
    expected = {
        "traceparent": "00-1-2-01",
        "tracestate": "a=1,b=2",
        "baggage": "user=7",
        "convoy-priority": "low",
        "convoy-empty": "",
    }
    assert metadata(headers) == expected
    assert to_call(headers, SETTINGS, now=0.0).metadata == expected


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("convoy-a", "caf\xe9", "convoy-a"),
        ("Convoy-A", "a\tb", "convoy-a"),
        ("baggage", "a\x7f", "baggage"),
        ("convoy-!", "a", "convoy-!"),
        ("convoy-data-bin", "a", "convoy-data-bin"),
        ("convoy-a", "x" * 8192, ""),
    ],
)
def test_what_grpc_could_not_carry_is_refused(name: str, value: str, field: str) -> None:
    with pytest.raises(ConvoyError) as caught:
        metadata({name: value})
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.violations[0].field == field
    assert len(caught.value.message) < 200


def test_what_just_fits_is_passed_on() -> None:
    assert metadata({"convoy-a": "x" * (8192 - 8)})

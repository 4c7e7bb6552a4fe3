"""What a request's headers tell the mesh: its deadline, and the metadata passed on."""

import re
from collections.abc import Mapping

from convoy.errors import invalid
from convoy_gateway.settings import Settings
from convoy_gateway.upstream import Call

TIMEOUT = "x-request-timeout"
MOST = 8 << 10
"""Bytes of metadata, keys and values."""

_PASSED_ON = frozenset({"traceparent", "tracestate", "baggage"})
_SECONDS = re.compile(r"[0-9]{1,18}(\.[0-9]{1,18})?")
_KEY = re.compile(r"[a-z0-9_.-]+(?<!-bin)")
_VALUE = re.compile(r"[ -~]*")


def to_call(headers: Mapping[str, str], settings: Settings, now: float) -> Call:
    """Make a call of headers; ``now`` is by the event loop's clock.

    Raises ConvoyError, INVALID_ARGUMENT, which names the header.
    """
    return Call(deadline=now + _timeout(headers, settings), metadata=metadata(headers))


def metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """Give the headers that go on to the mesh: those of tracing, and all ``convoy-*``.

    A header that comes more than once is joined by commas. Raises ConvoyError, INVALID_ARGUMENT,
    for what gRPC could not carry.
    """
    passed: dict[str, str] = {}
    size = 0
    for name, value in headers.items():
        key = name.lower()
        if key not in _PASSED_ON and not key.startswith("convoy-"):
            continue
        if not _KEY.fullmatch(key):
            raise invalid(key, "take letters, digits, _, . and -, and no -bin at the end")
        if not _VALUE.fullmatch(value):
            raise invalid(key, "take printable ASCII")
        passed[key] = f"{passed[key]},{value}" if key in passed else value
        size += len(key) + len(value)
    if size > MOST:
        raise invalid("", f"the headers passed on may have {MOST} bytes together")
    return passed


def _timeout(headers: Mapping[str, str], settings: Settings) -> float:
    text = headers.get(TIMEOUT)
    if text is None:
        return settings.timeout
    seconds = float(text) if _SECONDS.fullmatch(text) else 0.0
    if seconds <= 0:
        raise invalid(TIMEOUT, "take seconds above 0 as a plain decimal number, as in 2.5")
    return min(seconds, settings.max_timeout)

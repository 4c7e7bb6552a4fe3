"""The last spans of a process, for whoever asks: no collector is needed."""

from collections import deque
from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import SpanContext

MOST = 4096
"""Spans that are kept."""


class Ring(SpanProcessor):
    """Keeps the spans that ended last."""

    def __init__(self) -> None:
        """Begin empty."""
        self._spans: deque[dict[str, Any]] = deque(maxlen=MOST)

    def on_end(self, span: ReadableSpan) -> None:
        """Keep what is shown of a span: not what its caller sent along."""
        self._spans.append(_plain(span))

    def spans(self) -> list[dict[str, Any]]:
        """Give them as plain data, oldest first."""
        return list(self._spans)


def _plain(span: ReadableSpan) -> dict[str, Any]:
    return {
        **_ids(span.context),
        "parent": None if span.parent is None else _ids(span.parent)["span"],
        "name": span.name,
        "service": span.resource.attributes["service.name"],
        "start_ns": span.start_time,
        "end_ns": span.end_time,
        "error": span.status.description if not span.status.is_ok else None,
        "attributes": _values(span.attributes or {}),
        "events": [
            {"name": event.name, "at_ns": event.timestamp, **_values(event.attributes or {})}
            for event in span.events
        ],
        "links": [_ids(link.context) for link in span.links],
    }


def _ids(context: SpanContext) -> dict[str, str]:
    return {"trace": f"{context.trace_id:032x}", "span": f"{context.span_id:016x}"}


def _values(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in attributes.items()}

"""``convoy-timing``: where the time of one call went, in the syntax of Server-Timing.

https://www.w3.org/TR/server-timing/: entries with parameters, durations in milliseconds.
"""

from collections.abc import Iterable, Iterator

from convoy_services.mesh.journey import Crossing, Journey
from convoy_services.mesh.request import Request

MOST = 16
"""Batches that are told of: a request of many rows travels in many."""


def timing(requests: Iterable[Request], now: float) -> str:
    """Write down where the time of a call went that made these requests."""
    return ", ".join(_entries(list(requests), now))


def _entries(requests: list[Request], now: float) -> Iterator[str]:
    for request in requests:
        journeys = request.journeys
        left = min((journey.left for journey in journeys), default=now)
        yield f"queue;dur={_ms(left - request.made)}"
        for journey in journeys[:MOST]:
            yield _batch(journey)
            yield from map(_hop, journey.crossings)
        yield f"total;dur={_ms(now - request.made)}"


def _batch(journey: Journey) -> str:
    seconds = journey.landed - journey.left
    return f"batch;dur={_ms(seconds)};rows={journey.rows};requests={journey.requests}"


def _hop(crossing: Crossing) -> str:
    report, carriage = crossing.report, crossing.carriage
    return (
        f"{crossing.hop};dur={_ms(crossing.seconds)};compute={report.compute_us / 1e3:.3f};"
        f"wait={report.queue_us / 1e3:.3f};serialize={_ms(carriage.serialize_s)};"
        f"transport={carriage.transport};bytes={carriage.sent + carriage.received}"
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3f}"

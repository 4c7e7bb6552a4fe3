"""Where the time of a call went, as the mesh tells it in the trailer ``convoy-timing``.

The syntax is Server-Timing's (https://www.w3.org/TR/server-timing/), times are milliseconds.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

KEY = "convoy-timing"
"""The metadata that asks for it, and the trailer that has it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that took time."""

    name: str
    """``queue``, ``batch``, the name of a step, or ``total``."""
    milliseconds: float
    details: Mapping[str, str] = field(default_factory=dict)
    """Of a batch its ``rows`` and ``requests``; of a step what of its time was ``compute``, what
    ``wait`` in the replica and what ``serialize``, its ``transport`` and ``bytes``."""


class Timing:
    """Give one to a call, and it is filled in: ``await client.embed(texts, timing=timing)``.

    It holds the entries in order: the queue, each batch with its steps, the total. It stays empty
    where the call did not reach a pipeline.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self.entries: list[Entry] = []

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def read(self, trailers: Iterable[tuple[str, str | bytes]] | None) -> None:
        """Take the entries of a call's trailing metadata, if there are any."""
        for key, value in trailers or ():
            if key == KEY and isinstance(value, str):
                self.entries = [_entry(one) for one in value.split(", ")]


def _entry(text: str) -> Entry:
    name, *parameters = text.split(";")
    details = dict(parameter.split("=", 1) for parameter in parameters)
    return Entry(name, float(details.pop("dur")), details)

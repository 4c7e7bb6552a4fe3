"""One call, whatever dialect it came in."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Call:
    """What goes with a call's message, and what comes back beside the answer."""

    deadline: float
    """Seconds on the event loop's clock."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Keys in lower case."""
    trailers: dict[str, str] = field(default_factory=dict)
    """Metadata of the answer, also where it is an error; filled in when the call has ended."""

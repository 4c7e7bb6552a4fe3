"""What a replica of a streaming stage does at a moment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatus:
    """Rows, and the room that they have."""

    running: int = 0
    """Rows that it computes."""
    waiting: int = 0
    """Rows that wait for room."""
    blocks: int = 0
    """Of its cache; 0 where it has no such."""
    free_blocks: int = 0

"""Room in an engine's cache, given out in the order of arrival."""

from convoy import Code, ConvoyError

RETRY_AFTER = 1.0
"""Seconds after which one who was refused may try again: about the time of a short text."""


class Admission:
    """Who may run, and who waits for room.

    Each sequence reserves what it needs at most, so one that runs never lacks room. Not safe
    between threads: its owner has a lock.
    """

    def __init__(self, *, blocks: int, sequences: int, max_waiting: int) -> None:
        """Have so many blocks for so many sequences at once."""
        self.blocks = blocks
        self.free_blocks = blocks
        self._sequences = sequences
        self._max_waiting = max_waiting
        self._running: dict[str, int] = {}
        self._waiting: dict[str, int] = {}

    @property
    def running(self) -> int:
        """How many have room."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def ask(self, key: str, blocks: int) -> bool:
        """Give room, or let wait: then it is among those that a ``leave`` gives.

        Raises ConvoyError RESOURCE_EXHAUSTED where too many wait.
        """
        if not self._waiting and self._fits(blocks):
            self._admit(key, blocks)
            return True
        if len(self._waiting) >= self._max_waiting:
            raise ConvoyError(
                Code.RESOURCE_EXHAUSTED,
                f"its cache is full and {self._max_waiting} sequences wait already",
                "CACHE_FULL",
                retry_after=RETRY_AFTER,
            )
        self._waiting[key] = blocks
        return False

    def leave(self, key: str) -> list[str]:
        """Take back the room of a sequence, or its place; give those that have room now."""
        self.free_blocks += self._running.pop(key, 0)
        self._waiting.pop(key, None)
        admitted = []
        while self._waiting:
            first, blocks = next(iter(self._waiting.items()))
            if not self._fits(blocks):  # nobody overtakes: a long one would wait for ever
                break
            del self._waiting[first]
            self._admit(first, blocks)
            admitted.append(first)
        return admitted

    def _fits(self, blocks: int) -> bool:
        return blocks <= self.free_blocks and len(self._running) < self._sequences

    def _admit(self, key: str, blocks: int) -> None:
        self._running[key] = blocks
        self.free_blocks -= blocks

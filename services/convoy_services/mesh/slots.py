"""How many batches of one ingress may be under way to a deployment at a time."""

from collections import deque
from collections.abc import Callable


class Slots:
    """The slots of one deployment, shared by every pipeline that passes it."""

    def __init__(self, capacity: int) -> None:
        """Start with all slots free."""
        self.capacity = capacity
        self.busy = 0
        self._waiters: deque[Callable[[], None]] = deque()

    @property
    def free(self) -> int:
        """How many batches may leave now."""
        return max(0, self.capacity - self.busy)

    def watch(self, on_free: Callable[[], None]) -> None:
        """Call ``on_free`` whenever a slot comes free."""
        self._waiters.append(on_free)

    def acquire(self) -> None:
        """Take a free slot."""
        self.busy += 1

    def release(self) -> None:
        """Give a slot back; those who watch are called in turn, so that none is always first."""
        self.busy -= 1
        self._waiters.rotate(-1)
        for on_free in self._waiters:
            on_free()

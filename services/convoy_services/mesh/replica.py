"""What every replica of the mesh has, whatever it hosts."""

import gc
import os
import resource
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from convoy_services.telemetry.tracing import install, ring


class Replica(ABC):
    """Tells of its process and its spans, and is closed when Serve takes it down."""

    def __init__(self, deployment: str) -> None:
        """Begin to trace as ``deployment``."""
        install(deployment)
        self._began = time.perf_counter()
        self._import_s = self._load_s = 0.0

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Load, what is to be imported being there.

        What is loaded here is kept out of the garbage collector's sight: none of it is garbage.
        """
        self._import_s = time.perf_counter() - self._began
        gc.disable()
        try:
            yield
        finally:
            gc.freeze()
            gc.enable()
        self._load_s = time.perf_counter() - self._began - self._import_s

    def spans(self) -> list[dict[str, Any]]:
        """Give the last spans of this replica."""
        return ring.spans()

    def describe(self) -> dict[str, Any]:
        """Tell the process, its greatest memory in bytes, and the seconds it took to start."""
        return {
            "pid": os.getpid(),
            "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            "import_s": self._import_s,
            "load_s": self._load_s,
        }

    @abstractmethod
    def close(self) -> None:
        """Let go of what was loaded; called too where loading failed."""

    def __del__(self) -> None:
        """Close when Serve takes the replica down."""
        self.close()

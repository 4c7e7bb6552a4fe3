"""Sees to it that no process of vLLM's outlives a replica that was killed.

vLLM's engine does not notice that whoever started it is gone: it would keep its GPUs, and the
replica that Serve starts in place of the one that was killed would find no memory.
"""

import subprocess
from collections.abc import Sequence


class Warden:
    """A process that waits for this one to die, and then kills the ones it was told of."""

    def __init__(self, pids: Sequence[int]) -> None:
        """Begin; what ends its wait is the end of a pipe that nobody but this process holds."""
        kill = f"cat > /dev/null; kill -KILL {' '.join(map(str, pids))}"
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", kill], stdin=subprocess.PIPE, start_new_session=True
        )

    def dismiss(self) -> None:
        """End it without a kill."""
        self._process.kill()
        self._process.communicate()

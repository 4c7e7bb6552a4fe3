"""A Redis server of Debian's, that can be killed."""

import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

START = 20.0
"""Seconds; a deadline, never an expectation."""


class RedisServer:
    """Keeps every write on disk before it answers, on a socket in a folder."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "redis.sock"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait until it answers."""
        program = shutil.which("redis-server")
        assert program, "these tests need redis-server: apt-get install redis-server"
        self._process = subprocess.Popen(
            [
                *(program, "--port", "0", "--unixsocket", str(self._socket)),
                *("--dir", str(self._folder), "--appendonly", "yes", "--appendfsync", "always"),
            ],
            stdout=subprocess.DEVNULL,
        )
        end = time.monotonic() + START
        with redis.Redis(unix_socket_path=str(self._socket)) as client:
            while True:
                try:
                    client.ping()
                except redis.ConnectionError:
                    assert time.monotonic() < end, "redis-server does not answer"
                    time.sleep(0.02)
                else:
                    return

    def kill(self) -> None:
        """End it at once."""
        assert self._process
        self._process.kill()
        self._process.wait(10)

"""A real redis-server on a socket of its own."""

import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

WITHIN = 60.0
"""Seconds; a deadline, never an expectation."""


@dataclass
class RedisServer:
    """One server; its folder outlives it."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.folder / "socket"

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it answers and has read what it kept."""
        program = shutil.which("redis-server")
        assert program, "redis-server is missing: apt-get install redis-server"
        settings = ["--port", "0", "--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        places = ["--unixsocket", self.socket, "--dir", self.folder, "--logfile", "log"]
        self.process = subprocess.Popen([program, *settings, *places])
        deadline = time.monotonic() + WITHIN
        with redis.Redis(unix_socket_path=str(self.socket)) as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.RedisError:
                    assert time.monotonic() < deadline, "redis-server does not answer"
                    assert self.process.poll() is None, (self.folder / "log").read_text()
                    time.sleep(0.01)

    def clear(self) -> None:
        """Forget everything."""
        with redis.Redis(unix_socket_path=str(self.socket)) as client:
            client.flushall()

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self.process:
            self.process.kill()
            self.process.wait(WITHIN)
            self.process = None

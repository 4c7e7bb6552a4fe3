"""Processes of the tests: gateways, and the forwarder between one and the mesh."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WITHIN = 40.0
"""Seconds; a deadline, never an expectation."""
PERIOD = 0.02
"""Seconds between two looks."""
RUNNING = re.compile(r"running on (http://127\.0\.0\.1:(\d+))")


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN
    while not holds():
        assert time.monotonic() < deadline, f"it never came: {what}"
        time.sleep(PERIOD)


class Logged:
    """A process whose standard error is kept."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *command], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self.log = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def end(self, how: int = signal.SIGTERM) -> int:
        """End it; gives its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.wait()

    def wait(self) -> int:
        try:
            self.process.wait(WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self._reader.join()
            assert self.process.stderr
            self.process.stderr.close()
        return self.process.returncode

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.log += line


IN_FLIGHT = "convoy_gateway_requests_in_flight "


class Gateway(Logged):
    """A gateway, on a free port."""

    def __init__(self, target: str, *flags: str) -> None:
        super().__init__("-m", "convoy_gateway", "--target", target, "--port", "0", *flags)
        try:
            until(self._started, "a gateway's port")
        except BaseException:  # a test's time may run out, too
            self.end(signal.SIGKILL)
            raise
        found = RUNNING.search(self.log)
        assert found, self.log
        self.base, self.port = found[1], int(found[2])

    def _started(self) -> bool:
        return bool(RUNNING.search(self.log)) or self.process.poll() is not None

    def get(
        self, path: str, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        return self.request("GET", path, None, headers)

    def request(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Give status, headers and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WITHIN)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            told = {key.lower(): value for key, value in answer.getheaders()}
            return answer.status, told, answer.read()
        finally:
            connection.close()

    def in_flight(self) -> int:
        """Count the requests that are not answered, but for the one that asks."""
        metrics = self.get("/metrics")[2].decode()
        (line,) = (each for each in metrics.splitlines() if each.startswith(IN_FLIGHT))
        return round(float(line.removeprefix(IN_FLIGHT))) - 1

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Send JSON."""
        kind = {"content-type": "application/json"}
        return self.request("POST", path, json.dumps(body).encode(), kind | headers)


@contextmanager
def gateway(target: str, *flags: str) -> Iterator[Gateway]:
    made = Gateway(target, *flags)
    try:
        yield made
    finally:
        made.end()


class Forwarder:
    """A way to the mesh that can be cut, and is then there again on the same port."""

    def __init__(self, target: str) -> None:
        self._to = target
        with socket.socket() as chosen:
            chosen.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            chosen.bind(("127.0.0.1", 0))
            self.target = f"127.0.0.1:{chosen.getsockname()[1]}"
        self._process: Logged | None = None

    def open(self) -> None:
        """Open it, or open it again."""
        self.kill()
        here = str(Path(__file__).parent / "forwarder.py")
        self._process = process = Logged(here, self.target, self._to)
        until(lambda: "listening" in process.log or process.process.poll() is not None, here)
        assert "listening" in process.log, process.log

    def kill(self) -> None:
        if self._process is not None:
            self._process.end(signal.SIGKILL)
            self._process = None

"""Processes of the benchmark's own: one JSON object a line to each, one a line back.

A worker says once that it is ready, with what its user must know, then answers questions until
its standard input ends. What it and its libraries print goes to a log.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TextIO

import psutil

ENDS_WITHIN = 60.0
"""Seconds that a worker, and all that it started, has to end by itself."""


class Worker:
    """A module of the benchmark that runs in a process of its own."""

    def __init__(self, module: str, *args: str, env: dict[str, str] | None = None) -> None:
        """Start ``python -m module args``; it need not be ready yet."""
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (stop closes it)
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *args],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,
        )
        self._name = module
        self._ready: dict[str, Any] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ready(self) -> dict[str, Any]:
        """Wait until the worker is ready, and give what it said; raises RuntimeError."""
        if self._ready is None:
            self._ready = self._read()
        return self._ready

    def ask(self, **question: Any) -> dict[str, Any]:
        """Put a question and wait for the answer; raises RuntimeError with the worker's fault."""
        self.tell(**question)
        return self.hear()

    def tell(self, **question: Any) -> None:
        """Put a question, whose answer is to be heard."""
        _ = self.ready
        assert self._process.stdin
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Wait for the answer; raises RuntimeError with the worker's fault."""
        return self._read()

    def stop(self) -> None:
        """End the worker and everything that it started."""
        with suppress(psutil.NoSuchProcess):
            family = [*psutil.Process(self.pid).children(recursive=True), psutil.Process(self.pid)]
            assert self._process.stdin
            with suppress(BrokenPipeError):
                self._process.stdin.close()
            _, left = psutil.wait_procs(family, timeout=ENDS_WITHIN)
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        self._process.wait()
        self._log.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"fault": self._last_words()}
        if "fault" in answer:
            raise RuntimeError(f"{self._name}: {answer['fault']}")
        return dict(answer)

    def _last_words(self) -> str:
        self._log.seek(0)
        return self._log.read()[-3000:]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.stop()


class Line:
    """The worker's end: make it before anything is imported that prints."""

    def __init__(self) -> None:
        """Keep standard output for answers; prints go where errors go."""
        self._out: TextIO = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    def say(self, **answer: Any) -> None:
        self._out.write(json.dumps(answer) + "\n")
        self._out.flush()

    def serve(self, answer: Callable[..., dict[str, Any]]) -> None:
        """Answer until there are no more questions."""
        for line in sys.stdin:
            try:
                self.say(**answer(**json.loads(line)))
            except Exception as exc:
                self.say(fault=f"{type(exc).__name__}: {exc}")

    def wait(self) -> None:
        """Wait until the process is to end."""
        sys.stdin.read()

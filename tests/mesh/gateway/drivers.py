"""Clients that live in processes of their own, a line of JSON for each thing that they tell."""

import base64
import itertools
import json
import queue
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mesh.gateway.asked import Ask, Outcome, of_connect, of_openai

WITHIN = 40.0
"""Seconds; a deadline, never an expectation."""


class Driver:
    """A process that calls when it is told to."""

    def __init__(self, command: Sequence[str | Path]) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._ids = itertools.count()
        self._told: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def begin(self, **command: Any) -> "Told":
        number = next(self._ids)
        self._told[number] = queue.Queue()
        self.say(id=number, **command)
        return Told(self, number, self._told[number])

    def say(self, **command: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def close(self) -> None:
        """End it: it ends with its input."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        try:
            self.process.wait(WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            told = json.loads(line)
            self._told[told.pop("id")].put(told)
        for each in self._told.values():
            each.put({"end": {"broken": "the driver ended"}})


@contextmanager
def driver(*command: str | Path) -> Iterator[Driver]:
    """Have a driver for a while."""
    made = Driver(command)
    try:
        yield made
    finally:
        made.close()


class Told:
    """What a driver tells of one call."""

    def __init__(self, driver: Driver, number: int, events: "queue.Queue[dict[str, Any]]") -> None:
        self._driver, self._number, self._events = driver, number, events
        self.read: list[bytes] = []
        self._end: dict[str, Any] | None = None

    def _next(self) -> None:
        told = self._events.get(timeout=WITHIN)
        if "read" in told:
            self.read.append(base64.b64decode(told["read"]))
        else:
            self._end = told["end"]

    def first(self) -> None:
        while not self.read:
            assert self._end is None, self._end
            self._next()

    def cancel(self) -> None:
        self._driver.say(id=self._number, cancel=True)

    def end(self) -> dict[str, Any]:
        while self._end is None:
            self._next()
        return self._end


@dataclass(frozen=True, slots=True)
class NodeCall:
    """A call of Connect's clients."""

    ask: Ask
    told: Told

    def first(self) -> None:
        self.told.first()

    def cancel(self) -> None:
        self.told.cancel()

    def outcome(self) -> Outcome:
        end = self.told.end()
        if "broken" in end:
            return Outcome(code="BROKEN", message=end["broken"])
        replies = [self.ask.reply().FromString(raw) for raw in self.told.read]
        error = end if end["code"] else None
        return of_connect(self.ask, replies, error, end["headers"])


@dataclass(frozen=True, slots=True)
class Node:
    """connect-node or connect-web, by the names of ``node/client.mjs``."""

    name: str
    dialect: str
    driver: Driver

    def start(self, base: str, ask: Ask) -> NodeCall:
        service, method = ask.method()
        told = self.driver.begin(
            client=self.name,
            base=base,
            service=service,
            method=method,
            request=base64.b64encode(ask.message().SerializeToString()).decode(),
            headers=ask.sent,
            timeout=ask.timeout,
        )
        return NodeCall(ask, told)


@dataclass(frozen=True, slots=True)
class PythonCall:
    """A call of OpenAI's or Triton's client."""

    told: Told
    dialect: str

    def first(self) -> None:
        raise AssertionError("it has no streams")

    def cancel(self) -> None:
        self.told.cancel()

    def outcome(self) -> Outcome:
        end = self.told.end()
        if "broken" in end:
            return Outcome(code="BROKEN", message=end["broken"])
        if "cancelled" in end:
            return Outcome(code="CANCELLED")
        status, headers = end["status"], end.get("headers", {})
        if status == 200:
            data = [base64.b64decode(row) for row in end["data"]] if "data" in end else None
            rows = len(data) if data is not None else end["rows"]
            return Outcome(status=200, data=data, rows=rows, headers=headers)
        if self.dialect == "openai":
            return of_openai(status, headers, end["body"])
        return Outcome(status=status, message=end["message"])


@dataclass(frozen=True, slots=True)
class Python:
    """A client of ``python_client.py``, by its name there."""

    name: str
    dialect: str
    driver: Driver

    def start(self, base: str, ask: Ask) -> PythonCall:
        told = self.driver.begin(
            client=self.name,
            base=base,
            pipeline=ask.pipeline,
            column=ask.column,
            rows=[base64.b64encode(row).decode() for row in ask.rows],
            headers=ask.sent,
            timeout=ask.timeout,
        )
        return PythonCall(told, self.dialect)

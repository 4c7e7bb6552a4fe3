"""curl and ``buf curl``, a process for each call."""

import json
import shutil
import struct
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToJson, Parse

from tests.mesh.gateway.asked import Ask, Outcome, encoded, of_connect, of_oip, of_openai
from tests.mesh.gateway.drivers import WITHIN

BUF = Path(__file__).parents[3] / ".venv-tools" / "bin" / "buf"
PREFIX = struct.Struct(">BI")
"""What is before each message of a stream: flags and length."""
COMPRESSED, END = 1, 2


class Process:
    """A command that is given its input, and whose output is looked at as it comes."""

    def __init__(self, command: Sequence[str], given: bytes) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._came = threading.Condition()
        self.out = b""
        self.err = b""
        self.ended = False
        self._threads = [
            threading.Thread(target=work, args=args, daemon=True)
            for work, args in (
                (self._give, (given,)),
                (self._read_out, ()),
                (self._read_err, ()),
            )
        ]
        for thread in self._threads:
            thread.start()

    def until(self, enough: Callable[[bytes], bool]) -> None:
        """Wait until what came out is enough."""
        with self._came:
            there = self._came.wait_for(lambda: enough(self.out) or self.ended, WITHIN)
            assert there, self.out
            assert enough(self.out), (self.out, self.err)

    def kill(self) -> None:
        self._process.terminate()

    def wait(self) -> int:
        try:
            self._process.wait(WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe
            pipe.close()
        return self._process.returncode

    def _give(self, given: bytes) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(given)
            self._process.stdin.close()
        except BrokenPipeError:
            pass  # it did not want all of it

    def _read_out(self) -> None:
        assert self._process.stdout
        while piece := self._process.stdout.read1(1 << 16):  # type: ignore[attr-defined]
            with self._came:
                self.out += piece
                self._came.notify_all()
        with self._came:
            self.ended = True
            self._came.notify_all()

    def _read_err(self) -> None:
        assert self._process.stderr
        self.err = self._process.stderr.read()


def split(out: bytes) -> tuple[int, dict[str, str], bytes]:
    """Part an answer of ``curl --include`` into status, headers and body."""
    status, headers = 100, {}
    while status < 200:
        head, separator, out = out.partition(b"\r\n\r\n")
        if not separator:
            return 0, {}, b""
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split(" ", 2)[1])
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    return status, headers, out


def envelopes(body: bytes) -> tuple[list[bytes], dict[str, Any] | None]:
    """Give the messages of a stream of Connect's, and its end where it has come."""
    messages = []
    while len(body) >= PREFIX.size:
        flags, size = PREFIX.unpack_from(body)
        piece, body = body[PREFIX.size : PREFIX.size + size], body[PREFIX.size + size :]
        if len(piece) < size:
            break
        assert not flags & COMPRESSED, "nobody asked for it"
        if flags & END:
            assert not body, "something follows the end"
            return messages, json.loads(piece)
        messages.append(piece)
    return messages, None


@dataclass(frozen=True, slots=True)
class CurlCall:
    """A call by curl."""

    ask: Ask
    dialect: str
    form: str
    process: Process

    def first(self) -> None:
        self.process.until(lambda out: bool(envelopes(split(out)[2])[0]))

    def cancel(self) -> None:
        self.process.kill()

    def outcome(self) -> Outcome:
        left = self.process.wait()
        if left < 0:
            return Outcome(code="CANCELLED")
        status, headers, body = split(self.process.out)
        if left:
            return Outcome(code="BROKEN", status=status, message=self.process.err.decode())
        match self.dialect:
            case "oip":
                return of_oip(status, headers, json.loads(body))
            case "openai":
                return of_openai(status, headers, json.loads(body))
        if self.ask.stream:
            told = self._of_stream(status, headers, body)
        elif status == 200:
            told = of_connect(self.ask, [self._read(body)], None, headers)
        else:
            assert headers["content-type"].startswith("application/json")
            told = of_connect(self.ask, [], json.loads(body), headers)
        told.status = status
        return told

    def _of_stream(self, status: int, headers: Mapping[str, str], body: bytes) -> Outcome:
        assert status == 200, body
        messages, end = envelopes(body)
        if end is None:
            return Outcome(code="BROKEN", message="the stream has no end")
        replies = [self._read(message) for message in messages]
        return of_connect(self.ask, replies, end.get("error"), headers)

    def _read(self, raw: bytes) -> Any:
        kind = self.ask.reply()
        return Parse(raw, kind()) if self.form == "json" else kind.FromString(raw)


@dataclass(frozen=True, slots=True)
class Curl:
    """curl, speaking one of the dialects."""

    name: str
    dialect: str
    form: str = "json"
    """json or proto."""

    def start(self, base: str, ask: Ask) -> CurlCall:
        path, headers, body = getattr(self, f"_{self.dialect}")(ask)
        curl = shutil.which("curl")
        assert curl, "curl is not installed"
        command = [curl, "--silent", "--show-error", "--no-buffer", "--include"]
        for key, value in (ask.sent | headers).items():
            command += ["--header", f"{key}: {value}"]
        command += ["--data-binary", "@-", base + path]
        return CurlCall(ask, self.dialect, self.form, Process(command, body))

    def _connect(self, ask: Ask) -> tuple[str, dict[str, str], bytes]:
        message = ask.message()
        body = message.SerializeToString()
        if self.form == "json":
            body = MessageToJson(message, indent=None).encode()
        kind = f"application/{self.form}"
        if ask.stream:
            kind = f"application/connect+{self.form}"
            body = PREFIX.pack(0, len(body)) + body
        headers = {"content-type": kind, "connect-protocol-version": "1"}
        if ask.timeout is not None:
            headers["connect-timeout-ms"] = str(round(ask.timeout * 1000))
        return "/" + "/".join(ask.method()), headers, body

    def _oip(self, ask: Ask) -> tuple[str, dict[str, str], bytes]:
        rows = [row.decode() for row in ask.rows]
        tensor = {"name": ask.column, "shape": [len(rows)], "datatype": "BYTES", "data": rows}
        body = encoded({"inputs": [tensor]})
        return f"/v2/models/{ask.pipeline}/infer", _headers(ask), body

    def _openai(self, ask: Ask) -> tuple[str, dict[str, str], bytes]:
        body = encoded({"model": ask.pipeline, "input": [row.decode() for row in ask.rows]})
        return "/v1/embeddings", _headers(ask), body


def _headers(ask: Ask) -> dict[str, str]:
    headers = {"content-type": "application/json"}
    if ask.timeout is not None:
        headers["x-request-timeout"] = f"{ask.timeout:.9f}"
    return headers


@dataclass(frozen=True, slots=True)
class BufCall:
    """A call by ``buf curl``."""

    ask: Ask
    process: Process

    def first(self) -> None:
        self.process.until(lambda out: bool(_objects(out)))

    def cancel(self) -> None:
        self.process.kill()

    def outcome(self) -> Outcome:
        left = self.process.wait()
        if left < 0:
            return Outcome(code="CANCELLED")
        replies = [
            Parse(json.dumps(each), self.ask.reply()()) for each in _objects(self.process.out)
        ]
        if not left:
            return of_connect(self.ask, replies, None, {})
        text = self.process.err.decode()
        try:
            error = json.loads(text)
        except ValueError:
            return Outcome(code="BROKEN", message=text)
        return of_connect(self.ask, replies, error, {})


def _objects(out: bytes) -> list[Any]:
    """Read JSON objects, one after the other; the last may not be whole yet."""
    text, place, found = out.decode(), 0, []
    while True:
        while text[place : place + 1].isspace():
            place += 1
        try:
            each, place = json.JSONDecoder().raw_decode(text, place)
        except ValueError:
            return found
        found.append(each)


@dataclass(frozen=True, slots=True)
class Buf:
    """``buf curl``."""

    name: str
    dialect: str
    schema: Path
    """A FileDescriptorSet."""

    def start(self, base: str, ask: Ask) -> BufCall:
        protocol = self.dialect.replace("-", "")
        command = [str(BUF), "curl", "--schema", str(self.schema), "--protocol", protocol]
        headers = ask.sent
        if ask.timeout is not None:
            headers["x-request-timeout"] = f"{ask.timeout:.9f}"  # it has no flag for the other
        for key, value in headers.items():
            command += ["--header", f"{key}: {value}"]
        command += ["--data", "@-", f"{base}/{'/'.join(ask.method())}"]
        return BufCall(ask, Process(command, MessageToJson(ask.message(), indent=None).encode()))

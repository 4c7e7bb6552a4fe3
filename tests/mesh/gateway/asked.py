"""What the clients are asked for, and what became of it: the same for all of them."""

import base64
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

from convoy import Batch, Code, Tensor
from convoy.status import from_status
from convoy.v1 import pipeline_pb2, relay_pb2
from convoy.wire import read_batch, write_batch

SERVICE = "convoy.v1.PipelineService"
VENDOR = "acme=1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A call of a pipeline that takes one column of BYTES."""

    pipeline: str
    rows: Sequence[bytes]
    column: str = "data"
    stream: bool = False
    """Whether the rows are to come back as they complete; only Connect and gRPC-Web can."""
    relayed: bool = False
    """Whether each row travels as a call of its own, with RelayBatch; the first one's to echo."""
    timeout: float | None = None
    """Seconds, told in the client's own way."""
    headers: Mapping[str, str] = field(default_factory=dict)
    trace: str = field(default_factory=lambda: secrets.token_hex(16))
    """The id of the caller's trace."""

    @property
    def sent(self) -> dict[str, str]:
        """The headers that go with it."""
        traceparent = f"00-{self.trace}-{secrets.token_hex(8)}-01"
        return {"traceparent": traceparent, "tracestate": VENDOR, **self.headers}

    def method(self) -> tuple[str, str]:
        """Give the service and the method of the contract."""
        if self.relayed:
            return "convoy.v1.RelayService", "RelayBatch"
        return SERVICE, "RunStream" if self.stream else "Run"

    def message(self) -> Message:
        """Give the request of that method."""
        if self.relayed:
            return relay_pb2.RelayBatchRequest(calls=map(self._relay_call, range(len(self.rows))))
        kind = pipeline_pb2.RunStreamRequest if self.stream else pipeline_pb2.RunRequest
        return self._fill(kind, self.rows)

    def reply(self) -> Any:
        """Give the type of that method's replies."""
        if self.relayed:
            return relay_pb2.RelayBatchResponse
        return pipeline_pb2.RunStreamResponse if self.stream else pipeline_pb2.RunResponse

    def data(self, reply: Any) -> list[bytes]:
        """Give the rows of one reply."""
        if self.relayed:
            inner = [pipeline_pb2.RunResponse.FromString(r.message) for r in reply.replies]
            return [row for each in inner for row in _rows(each)]
        return _rows(reply)

    def _fill(self, kind: Any, rows: Sequence[bytes]) -> Any:
        request = kind(pipeline=self.pipeline)
        columns = {self.column: Tensor.texts(rows)}
        write_batch(Batch(rows=len(rows), columns=columns), request.batch)
        return request

    def _relay_call(self, n: int) -> relay_pb2.RelayCall:
        request = self._fill(pipeline_pb2.RunRequest, [self.rows[n]])
        if n == 0:
            request.pipeline = "echo"
        start = relay_pb2.RelayStart(method=f"/{SERVICE}/Run", request=request.SerializeToString())
        return relay_pb2.RelayCall(id=n, start=start)


def _rows(reply: Any) -> list[bytes]:
    batch = read_batch(reply.batch)
    assert not batch.failures
    column = batch.columns.get("data")
    return [] if column is None else column.elements()


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a client told its caller. What it does not tell is None."""

    code: str | None = None
    """gRPC's name of it; BROKEN where the client got no answer that it could read."""
    message: str = ""
    reason: str | None = None
    violations: tuple[str, ...] | None = None
    """The fields."""
    retry_after: float | None = None
    status: int | None = None
    """HTTP's."""
    data: list[bytes] | None = None
    rows: int = 0
    messages: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    """With the trailers."""


class Running(Protocol):
    """A call under way; each method has a deadline."""

    def first(self) -> None:
        """Wait for the first message."""

    def cancel(self) -> None:
        """Have the client give up."""

    def outcome(self) -> Outcome:
        """Wait for the end."""


class Client(Protocol):
    """A client that is not ours."""

    name: str
    dialect: str
    """connect, grpc-web, oip or openai."""

    def start(self, base: str, ask: Ask) -> Running:
        """Begin a call at a gateway."""


def of_connect(
    ask: Ask, replies: Sequence[Any], error: Mapping[str, Any] | None, headers: Mapping[str, str]
) -> Outcome:
    """Give the outcome of a call, with an error as Connect's JSON has it."""
    data = [row for reply in replies for row in ask.data(reply)]
    told = Outcome(data=data, rows=len(data), messages=len(replies), headers=headers)
    if error is None:
        told.code = "OK"
        return told
    name = CODES.get(str(error.get("code")).lower(), "BROKEN")
    told.code, told.message = name, str(error.get("message", ""))
    if name == "BROKEN":
        told.message = repr(error)
        return told
    status = Status(code=Code[name], message=told.message)
    for detail in error.get("details", ()):
        value = base64.b64decode(detail["value"] + "=" * (-len(detail["value"]) % 4))
        status.details.append(
            any_pb2.Any(type_url=f"type.googleapis.com/{detail['type']}", value=value)
        )
    found = from_status(status)
    told.reason = found.reason if status.details else None
    told.violations = tuple(violation.field for violation in found.violations)
    told.retry_after = found.retry_after
    return told


CODES = {
    **{code.name.lower(): code.name for code in Code},
    **{code.name.lower().replace("_", ""): code.name for code in Code},
    "canceled": "CANCELLED",
}
"""Of Connect's JSON, and of connect-es, which writes them together."""


def of_oip(status: int, headers: Mapping[str, str], body: Any) -> Outcome:
    """Give the outcome of an answer of the Open Inference Protocol."""
    told = Outcome(status=status, headers=headers)
    if status == 200:
        (output,) = body["outputs"]
        told.code = "OK"
        told.data = [row.encode() for row in output["data"]] if "data" in output else None
        told.rows = output["shape"][0]
        return told
    told.code, told.message, told.reason = body["code"], body["error"], body["reason"]
    told.violations = tuple(each["field"] for each in body.get("violations", ()))
    told.retry_after = _retry_after(headers)
    return told


def of_openai(status: int, headers: Mapping[str, str], body: Any) -> Outcome:
    """Give the outcome of an answer of OpenAI's API, whose reasons are in lower case."""
    told = Outcome(status=status, headers=headers)
    if status == 200:
        told.rows = len(body["data"])
        return told
    error = body["error"]
    told.message, told.reason = error["message"], error["code"].upper()
    told.violations = tuple(each["field"] for each in error.get("violations", ()))
    told.retry_after = _retry_after(headers)
    return told


def _retry_after(headers: Mapping[str, str]) -> float | None:
    return float(headers["retry-after"]) if "retry-after" in headers else None


def encoded(value: Any) -> bytes:
    """Write JSON."""
    return json.dumps(value).encode()

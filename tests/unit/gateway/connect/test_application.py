"""The contract over Connect, in process, with an upstream of the test's own."""

import asyncio
import importlib
import json
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx2 as httpx
import pytest

import convoy.v1
from convoy import Code, ConvoyError
from convoy.v1 import embedding_pb2, pipeline_pb2, recommendation_pb2
from convoy_gateway.connect import Connect
from convoy_gateway.connect.application import services
from convoy_gateway.connect.json import JsonForm
from convoy_gateway.outcome import Counted
from convoy_gateway.settings import Settings
from convoy_gateway.upstream import Call

EMBED = "/convoy.v1.EmbeddingService/Embed"
STREAM = "/convoy.v1.PipelineService/RunStream"


class Upstream:
    """Remembers calls, and answers as it is told."""

    def __init__(self, answer: bytes = b"", error: ConvoyError | None = None) -> None:
        self.calls: list[tuple[str, bytes, Call]] = []
        self._answer = answer
        self._error = error

    async def unary(self, method: str, request: bytes, call: Call) -> bytes:
        self.calls.append((method, request, call))
        call.trailers["convoy-timing"] = "total;dur=1"
        if self._error:
            raise self._error
        return self._answer

    async def stream(self, method: str, request: bytes, call: Call) -> AsyncGenerator[bytes]:
        self.calls.append((method, request, call))
        yield self._answer
        if self._error:
            raise self._error


async def post(
    upstream: Upstream, path: str, body: bytes, kind: str, **headers: str
) -> httpx.Response:
    app = Counted(Connect(upstream, Settings(max_body=1000)))
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.post(path, content=body, headers={"content-type": kind, **headers})


async def test_a_binary_message_crosses_unread() -> None:
    upstream = Upstream(b"the answer")
    answer = await post(upstream, EMBED, b"whatever it is", "application/proto")
    assert answer.content == b"the answer"
    assert answer.headers["trailer-convoy-timing"] == "total;dur=1"
    assert upstream.calls[0][:2] == (EMBED, b"whatever it is")


async def test_json_is_read_and_written() -> None:
    upstream = Upstream(embedding_pb2.EmbedResponse(dimensions=3).SerializeToString())
    answer = await post(upstream, EMBED, b'{"texts": ["a"]}', "application/json")
    assert answer.json() == {"dimensions": 3}
    sent = embedding_pb2.EmbedRequest.FromString(upstream.calls[0][1])
    assert list(sent.texts) == ["a"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 30.0),
        ({"connect-timeout-ms": "1500"}, 1.5),
        ({"x-request-timeout": "2.5"}, 2.5),
        ({"connect-timeout-ms": "9999999999"}, 600.0),
    ],
)
async def test_the_deadline_is_the_callers(headers: dict[str, str], seconds: float) -> None:
    upstream = Upstream()
    now = asyncio.get_running_loop().time()
    await post(upstream, EMBED, b"", "application/proto", **headers)
    assert upstream.calls[0][2].deadline - now == pytest.approx(seconds, abs=5.0)


async def test_metadata_passes_through() -> None:
    upstream = Upstream()
    passed = {"traceparent": "00-1-2-01", "convoy-tenant": "acme"}
    await post(upstream, EMBED, b"", "application/proto", **passed, cookie="secret")
    assert upstream.calls[0][2].metadata == passed


@pytest.mark.parametrize(
    ("body", "kind", "status", "reason"),
    [
        (b"{", "application/json", 400, "MALFORMED_MESSAGE"),
        (b"[]", "application/json", 400, "MALFORMED_MESSAGE"),
        (b"null", "application/json", 400, "MALFORMED_MESSAGE"),
        (b'{"texts": 1}', "application/json", 400, "MALFORMED_MESSAGE"),
        (b'{"\\ud800": 1}', "application/json", 400, "MALFORMED_MESSAGE"),
        (b'{"texts": ["\\ud800"]}', "application/json", 400, "MALFORMED_MESSAGE"),
        (b'{"dimensions": ' + b"1" * 900 + b"}", "application/json", 400, "MALFORMED_MESSAGE"),
        (b'{"texts": ["\xff"]}', "application/json", 400, "MALFORMED_MESSAGE"),
        (b"[" * 100, "application/json", 400, "JSON_TOO_DEEP"),
        (b"x" * 1001, "application/proto", 429, "BODY_TOO_LARGE"),
    ],
)
async def test_a_body_that_is_none_is_refused(
    body: bytes, kind: str, status: int, reason: str
) -> None:
    answer = await post(Upstream(), EMBED, body, kind)
    assert answer.status_code == status
    assert answer.json()["details"][0]["debug"]["reason"] == reason


async def test_an_error_of_the_mesh_keeps_its_reason_and_its_time() -> None:
    error = ConvoyError(Code.RESOURCE_EXHAUSTED, "full", "QUEUE_FULL", retry_after=1.2)
    answer = await post(Upstream(error=error), EMBED, b"", "application/proto")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    assert answer.json()["details"][0]["debug"]["reason"] == "QUEUE_FULL"
    assert answer.headers["trailer-convoy-timing"] == "total;dur=1"


async def test_a_stream_that_fails_ends_with_the_error() -> None:
    part = pipeline_pb2.RunStreamResponse(first_row=3).SerializeToString()
    upstream = Upstream(part, ConvoyError(Code.UNAVAILABLE, "gone", "REPLICA_DIED"))
    body = b"\x00\x00\x00\x00\x02{}"
    answer = await post(upstream, STREAM, body, "application/connect+json")
    size = int.from_bytes(answer.content[1:5], "big")
    assert json.loads(answer.content[5 : 5 + size]) == {"firstRow": 3}
    assert answer.content[5 + size] == 2  # the end
    end = json.loads(answer.content[10 + size :])
    assert end["error"]["code"] == "unavailable"
    assert end["error"]["details"][0]["debug"]["reason"] == "REPLICA_DIED"


@pytest.mark.parametrize(
    ("method", "instead"),
    [
        ("/convoy.v1.RelayService/Relay", "RelayBatch"),
        ("/convoy.v1.RecommendationService/RecordEvents", "RecordEventBatch"),
    ],
)
async def test_a_method_whose_client_streams_names_its_twin(method: str, instead: str) -> None:
    answer = await post(Upstream(), method, b"", "application/proto")
    assert (answer.status_code, answer.json()["code"]) == (501, "unimplemented")
    assert instead in answer.json()["message"]


async def test_what_nobody_foresaw_is_told_by_an_id_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Upstream):
        async def unary(self, method: str, request: bytes, call: Call) -> bytes:
            raise RuntimeError("secret")

    answer = await post(Broken(), EMBED, b"", "application/proto")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "secret" in caplog.text


async def test_a_server_that_ends_says_so_to_those_that_are_still_sending() -> None:
    """It once told them CANCELLED, as if they had cancelled themselves."""
    sent: list[dict[str, object]] = []
    waiting = asyncio.Event()

    async def receive() -> dict[str, object]:
        waiting.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": EMBED,
        "root_path": "",
        "headers": [(b"content-type", b"application/proto")],
    }
    app = Counted(Connect(Upstream(), Settings()))
    task = asyncio.create_task(app(scope, receive, send))  # type: ignore[arg-type]
    async with asyncio.timeout(10):
        await waiting.wait()
        task.cancel()
        await asyncio.wait([task])
    assert sent[0]["status"] == 503
    assert b"the gateway is ending" in sent[1]["body"]  # type: ignore[operator]


async def test_a_method_that_there_is_not() -> None:
    answer = await post(Upstream(), "/convoy.v1.Nothing/Nope", b"", "application/proto")
    assert (answer.status_code, answer.json()["code"]) == (404, "unimplemented")


@pytest.mark.parametrize(
    ("body", "message", "fields"),
    [
        (b'{"txts": ["a"]}', "EmbedRequest has no field txts", ["txts"]),
        (b'{"encoding": "INT8"}', "INT8 is none of the values", ["encoding"]),
        (b'{"texts": [1]}', "the value does not fit", ["texts"]),
        (b'{"texts"', "the body is no JSON", [""]),
    ],
)
async def test_json_that_does_not_fit_names_its_field_and_nothing_of_python(
    body: bytes, message: str, fields: list[str]
) -> None:
    answer = await post(Upstream(), EMBED, body, "application/json")
    assert message in answer.json()["message"]
    violations = answer.json()["details"][1]["debug"]["fieldViolations"]
    assert [violation.get("field", "") for violation in violations] == fields


async def test_a_large_json_leaves_the_loop_to_others() -> None:
    """A body of 16 KB, 16 MiB once decompressed, once held everybody up for 53 seconds."""
    longest = 0.0

    async def look() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.001)
            longest = max(longest, time.monotonic() - before)

    form = JsonForm(Settings())
    text = b'{"events":[' + b"{}," * 100_000 + b"{}]}"
    looker = asyncio.create_task(look())
    began = time.monotonic()
    await form.read(text, recommendation_pb2.RecordEventBatchRequest)
    took = time.monotonic() - began
    looker.cancel()
    assert longest < took / 2


@pytest.mark.parametrize("kind", ["application/grpc", "application/grpc+proto"])
async def test_grpc_itself_is_sent_to_its_own_port(kind: str) -> None:
    answer = await post(Upstream(), EMBED, b"", kind)
    assert (answer.status_code, answer.json()["code"]) == (415, "unimplemented")
    assert "own port" in answer.json()["message"]


@pytest.mark.parametrize(
    ("path", "kind", "wanted"),
    [
        (EMBED, "application/connect+json", "application/json"),
        (STREAM, "application/json", "application/connect+json"),
        (EMBED, "text/plain", "application/proto"),
        (EMBED, "application/grpc-web-text", "application/grpc-web"),
    ],
)
async def test_another_content_type_is_told_those_that_fit(
    path: str, kind: str, wanted: str
) -> None:
    answer = await post(Upstream(), path, b"", kind)
    assert answer.status_code == 415
    assert wanted in answer.json()["message"]


def test_every_service_of_the_contract_is_offered() -> None:
    files = Path(convoy.v1.__file__).parent.glob("*_pb2.py")
    modules = [importlib.import_module(f"convoy.v1.{file.stem}") for file in files]
    there = {s.full_name for m in modules for s in m.DESCRIPTOR.services_by_name.values()}
    assert there <= {service.full_name for service in services()}

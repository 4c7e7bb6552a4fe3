"""A mesh that writes what it is told in capitals, behind a whole gateway on a real socket."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import httpx2 as httpx

from convoy import Code, ConvoyError
from convoy.errors import invalid
from convoy.v1 import batch_pb2, captioning_pb2, generation_pb2, pipeline_pb2
from convoy_gateway.app import build
from convoy_gateway.settings import Settings
from convoy_gateway.upstream import Call
from tests.unit.gateway.edge.served import DEADLINE, served, until

WRITER, CAPTIONER, EMBEDDER = "writer", "captioner", "embedder"
ABSENT, FULL, BREAKS, HOLDS = "absent", "full", "breaks", "holds"
"""Pipelines: of the last four one is not there, one takes no more, one fails after the first piece
and one gives no other."""

NOT_FOUND = ConvoyError(Code.NOT_FOUND, "there is no pipeline absent", "PIPELINE_NOT_FOUND")
QUEUE_FULL = ConvoyError(
    Code.RESOURCE_EXHAUSTED, "the queue is full", "QUEUE_FULL", retry_after=1.5
)
DIED = ConvoyError(Code.UNAVAILABLE, "the engine died", "ENGINE_DIED", "generate")

MODULES = {
    "GenerationService": generation_pb2,
    "CaptioningService": captioning_pb2,
    "PipelineService": pipeline_pb2,
}


class FakeMesh:
    """Each word is a token; ``error`` is what every call that generates is answered with."""

    def __init__(self, error: ConvoyError | None = None) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.calls: list[Call] = []
        self.streaming = 0
        self._error = error

    async def unary(self, method: str, request: bytes, call: Call) -> bytes:
        name, asked, kind = self._read(method, request, call)
        if name == "List":
            reply = kind(pipelines=[WRITER, CAPTIONER, EMBEDDER, "echo"])
        elif name == "Describe":
            reply = described(asked.pipeline)
        else:
            self._refuse(asked)
            call.trailers["convoy-timing"] = "total;dur=1"
            reply = whole(asked, kind)
        return reply.SerializeToString()

    async def stream(self, method: str, request: bytes, call: Call) -> AsyncGenerator[bytes]:
        _, asked, kind = self._read(method, request, call)
        self._refuse(asked)
        self.streaming += 1
        try:
            for piece in pieces(asked, kind):
                yield piece.SerializeToString()
                if asked.pipeline == BREAKS:
                    raise DIED
                if asked.pipeline == HOLDS:
                    await asyncio.sleep(DEADLINE)
        finally:
            self.streaming -= 1

    async def close(self) -> None:
        pass

    def _read(self, method: str, request: bytes, call: Call) -> tuple[str, Any, Any]:
        service, name = method.removeprefix("/convoy.v1.").split("/")
        asked = getattr(MODULES[service], f"{name}Request").FromString(request)
        self.asked.append((name, asked))
        self.calls.append(call)
        return name, asked, getattr(MODULES[service], f"{name}Response")

    def _refuse(self, asked: Any) -> None:
        if self._error:
            raise self._error
        if asked.pipeline == ABSENT:
            raise NOT_FOUND
        if asked.pipeline == FULL:
            raise QUEUE_FULL
        if asked.pipeline == EMBEDDER:
            raise invalid("pipeline", "the pipeline embedder does not generate")


def described(pipeline: str) -> pipeline_pb2.DescribeResponse:
    def column(name: str, datatype: int, *shape: int) -> pipeline_pb2.ColumnSpec:
        return pipeline_pb2.ColumnSpec(name=name, datatype=datatype, shape=shape)

    octets, floats = batch_pb2.DATATYPE_BYTES, batch_pb2.DATATYPE_FP32
    inputs, output = {
        WRITER: ([column("prompt", octets)], column("text", octets)),
        CAPTIONER: ([column("image", octets), column("question", octets)], column("text", octets)),
        EMBEDDER: ([column("text", octets)], column("embedding", floats, 384)),
        "echo": ([column("text", octets)], column("text", octets)),
    }[pipeline]
    return pipeline_pb2.DescribeResponse(pipeline=pipeline, inputs=inputs, outputs=[output])


def words(asked: Any) -> list[str]:
    """What is written: the prompt, the last turn, or the question and how large the image is."""
    if hasattr(asked, "messages"):
        text = asked.messages[-1].content
    elif hasattr(asked, "image"):
        text = f"{asked.question} {len(asked.image)} bytes"
    else:
        text = asked.text or " ".join(map(str, asked.token_ids.ids))
    most = asked.sampling.max_tokens or 100
    first, *others = text.upper().split()[:most] or [""]
    return [first, *(f" {other}" for other in others)]


def finish(asked: Any) -> int:
    stopped = len(words(asked)) < (asked.sampling.max_tokens or 100)
    return generation_pb2.FINISH_REASON_STOP if stopped else generation_pb2.FINISH_REASON_LENGTH


def tokens(asked: Any, number: int) -> list[generation_pb2.GeneratedToken]:
    """Of one word; each is less likely than the one before, beside it the likeliest."""
    if not asked.sampling.HasField("logprobs"):
        return []
    chosen = generation_pb2.TokenLogprob(
        token_id=number, token=words(asked)[number].encode(), logprob=-number / 2
    )
    likeliest = [
        generation_pb2.TokenLogprob(token_id=n, token=b"\xf0%d" % n, logprob=-n - float("inf") * n)
        if n
        else chosen
        for n in range(asked.sampling.logprobs)
    ]
    return [generation_pb2.GeneratedToken(chosen=chosen, likeliest=likeliest)]


def usage(asked: Any) -> generation_pb2.TokenUsage:
    wrote = len(words(asked)) * (asked.sampling.n or 1)
    return generation_pb2.TokenUsage(prompt_tokens=7, completion_tokens=wrote)


def whole(asked: Any, kind: Any) -> Any:
    text = words(asked)
    completions = [
        generation_pb2.Completion(
            index=index,
            text="".join(text),
            tokens=[token for n in range(len(text)) for token in tokens(asked, n)],
            finish_reason=finish(asked),
        )
        for index in range(asked.sampling.n or 1)
    ]
    return kind(completions=completions, usage=usage(asked))


def pieces(asked: Any, kind: Any) -> list[Any]:
    """A word of every completion in each, then their ends with the usage."""
    indices = range(asked.sampling.n or 1)
    made = [
        kind(
            chunks=[
                generation_pb2.CompletionChunk(index=index, text=word, tokens=tokens(asked, n))
                for index in indices
            ]
        )
        for n, word in enumerate(words(asked))
    ]
    ends = [
        generation_pb2.CompletionChunk(index=index, finish_reason=finish(asked))
        for index in indices
    ]
    silent = kind(chunks=[generation_pb2.CompletionChunk(index=0)])  # half a character
    return [*made, silent, kind(chunks=ends, usage=usage(asked))]


class Switch:
    """Calls the mesh of the test: one app serves all, for its routes take long to describe."""

    def __init__(self) -> None:
        self.mesh = FakeMesh()

    async def unary(self, method: str, request: bytes, call: Call) -> bytes:
        return await self.mesh.unary(method, request, call)

    def stream(self, method: str, request: bytes, call: Call) -> AsyncGenerator[bytes]:
        return self.mesh.stream(method, request, call)


switch = Switch()
SETTINGS = Settings()
app = build(SETTINGS, switch)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def gateway(mesh: FakeMesh) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway before ``mesh``; no stream may be open in the end."""
    switch.mesh = mesh
    async with (
        served(app, SETTINGS) as server,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=DEADLINE) as client,
    ):
        yield client
        await until(lambda: not mesh.streaming)


@contextlib.asynccontextmanager
async def inside(mesh: FakeMesh) -> AsyncIterator[httpx.AsyncClient]:
    """The same with no sockets, which take a tenth of a second to close."""
    switch.mesh = mesh
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def chat(client: httpx.AsyncClient, content: Any = "one two", **more: Any) -> httpx.Response:
    body = {"model": WRITER, "messages": [{"role": "user", "content": content}], **more}
    return await client.post("/v1/chat/completions", json=body)


async def complete(
    client: httpx.AsyncClient, prompt: Any = "one two", **more: Any
) -> httpx.Response:
    return await client.post("/v1/completions", json={"model": WRITER, "prompt": prompt, **more})


def events(response: httpx.Response) -> list[Any]:
    """What a stream told, JSON but for the end."""
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.text.endswith("\n\n")
    told = [
        event.removeprefix("data: ") for event in response.text.removesuffix("\n\n").split("\n\n")
    ]
    return [event if event == "[DONE]" else json.loads(event) for event in told]

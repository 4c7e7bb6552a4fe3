"""Traces of real calls, as a collector gets them from every process of the mesh."""

import asyncio
import json
import secrets
from collections import Counter

import grpc
import pytest
from typer.testing import CliRunner

from convoy import Batch, Client, ConvoyError, Tensor, Timing
from convoy.v1 import relay_pb2, relay_pb2_grpc
from convoy.v1.pipeline_pb2 import RunRequest
from convoy.wire import write_batch
from convoy_services.cli import app
from convoy_services.local.mesh import LocalMesh
from tests.mesh.collector import Collector, Span

CALLS = 64
STEPS = ("receive", "reflect", "return")
VENDOR = "acme=1"


def headers() -> tuple[str, dict[str, str]]:
    """Make the headers of a traced caller: its trace, and what it sends."""
    trace = secrets.token_hex(16)
    traceparent = f"00-{trace}-{secrets.token_hex(8)}-01"
    return trace, {"traceparent": traceparent, "tracestate": VENDOR, "baggage": "team=search"}


def row(data: str) -> Batch:
    return Batch(rows=1, columns={"data": Tensor.texts([data])})


async def test_the_tree_of_64_calls_is_whole(mesh: LocalMesh, collector: Collector) -> None:
    callers = dict(headers() for _ in range(CALLS))
    async with Client(mesh.target) as client:
        await asyncio.gather(
            *(client.run("echo", row(t), metadata=sent) for t, sent in callers.items())
        )

    def ours(spans: list[Span]) -> list[Span]:
        return [span for span in spans if span.trace in callers]

    def whole(spans: list[Span]) -> bool:
        named = Counter(span.name.partition(" ")[0] for span in ours(spans))
        done = named["convoy.v1.PipelineService/Run"] == CALLS
        return done and named["compute"] >= named["hop"] == 3 * named["batch"] > 0

    spans = ours(await collector.until(whole))
    servers = {span.id: span for span in spans if span.name == "convoy.v1.PipelineService/Run"}
    batches = {span.id: span for span in spans if span.name == "batch echo"}
    for server in servers.values():
        _, _, caller, _ = callers[server.trace]["traceparent"].split("-")
        assert server.parent == bytes.fromhex(caller)
        assert server.proto.trace_state == VENDOR
        assert server.attributes["rpc.grpc.status_code"] == 0

    # Every request is linked by the one batch that it travelled in, and finds it.
    linked = Counter(link for batch in batches.values() for link in batch.links)
    assert linked == dict.fromkeys(servers, 1)
    for batch in batches.values():
        assert batch.parent in batch.links
        assert batch.attributes["convoy.batch.requests"] == len(batch.links)
        others = batch.links - {batch.parent}
        assert all(batch.id in servers[other].links for other in others)
    assert len(batches) < CALLS

    # Below each batch are its hops, and below each hop what another process computed.
    for batch in batches.values():
        hops = [span for span in spans if span.parent == batch.id]
        assert {hop.attributes["convoy.step"] for hop in hops} == set(STEPS)
        for hop in hops:
            step = hop.attributes["convoy.step"]
            rows = batch.attributes["convoy.batch.rows"]
            assert hop.attributes["convoy.rows"] == rows
            assert hop.attributes["convoy.transport"] == "value"
            [compute] = [span for span in spans if span.parent == hop.id]
            assert compute.service == f"convoy/{step}"
            assert compute.attributes["convoy.rows"] == rows
            assert compute.proto.trace_state == VENDOR
    assert {batch.service for batch in batches.values()} == {"convoy/ingress"}


async def test_what_goes_wrong_is_an_event(mesh: LocalMesh, collector: Collector) -> None:
    late, sent = headers()
    bad, bad_sent = headers()
    async with Client(mesh.target) as client:
        await client.run("forgiving", row("sleep 0.5"), metadata=sent)
        rows = Batch(rows=8, columns={"data": Tensor.texts(["fine"] * 7 + ["bad"])})
        await client.run("fussy", rows, metadata=bad_sent)

    def found(spans: list[Span]) -> bool:
        told = {(span.trace, event) for span in spans for event in span.events}
        return {(late, "fallback"), (bad, "bisection")} <= told

    await collector.until(found)


async def test_a_relayed_call_has_its_own_trace_and_timing(
    mesh: LocalMesh, collector: Collector, channel: grpc.aio.Channel
) -> None:
    trace, sent = headers()
    request = RunRequest(pipeline="echo")
    write_batch(row("x"), request.batch)
    start = relay_pb2.RelayStart(
        method="/convoy.v1.PipelineService/Run",
        request=request.SerializeToString(),
        metadata=sent | {"convoy-timing": "1"},
    )
    call = relay_pb2_grpc.RelayServiceStub(channel).Relay(timeout=30)
    await call.write(relay_pb2.RelayRequest(calls=[relay_pb2.RelayCall(id=1, start=start)]))
    [reply] = (await call.read()).replies
    await call.done_writing()
    names = [entry.partition(";")[0] for entry in reply.trailers["convoy-timing"].split(", ")]
    assert names == ["queue", "batch", *STEPS, "total"]
    await collector.until(lambda spans: any(s.trace == trace for s in spans))


async def test_the_last_requests_are_shown_without_a_collector(mesh: LocalMesh) -> None:
    trace, sent = headers()
    failed, failed_sent = headers()
    async with Client(mesh.target) as client:
        await client.run("echo", row("x"), metadata=sent)
        with pytest.raises(ConvoyError, match="PIPELINE_NOT_FOUND"):
            await client.run("nothing", row("x"), metadata=failed_sent)

    def show(*words: str) -> str:
        result = CliRunner().invoke(app, ["trace", "--name", mesh.settings.name, *words])
        assert result.exit_code == 0, result.output
        return result.output

    shown = await asyncio.to_thread(show, trace[:12])
    for part in ("trace", "PipelineService/Run", "batch echo", *(f"hop {s}" for s in STEPS)):
        assert part in shown
    [spans] = json.loads(await asyncio.to_thread(show, trace, "--json"))
    assert {span["service"] for span in spans} >= {"convoy/ingress", "convoy/reflect"}
    assert "PIPELINE_NOT_FOUND" in await asyncio.to_thread(show, failed, "--errors")
    assert "ms" in await asyncio.to_thread(show, "--slow")


async def test_rows_that_stream_are_spans_of_their_own_requests(
    mesh: LocalMesh, collector: Collector
) -> None:
    callers = dict(headers() for _ in range(8))
    asked = {"max_tokens": 5, "ignore_eos": True}
    timings = [Timing() for _ in callers]
    async with Client(mesh.target) as client:
        await asyncio.gather(
            *(
                client.generate("Return", sampling=asked, metadata=sent, timing=timing)
                for sent, timing in zip(callers.values(), timings, strict=True)
            )
        )

    def ours(spans: list[Span]) -> list[Span]:
        return [span for span in spans if span.trace in callers]

    def whole(spans: list[Span]) -> bool:
        return Counter(span.name for span in ours(spans))["hop generate"] == len(callers)

    spans = ours(await collector.until(whole))
    servers = {s.id: s for s in spans if s.name == "convoy.v1.GenerationService/Generate"}
    streams = [span for span in spans if span.name == "hop generate"]
    assert {span.parent for span in streams} == set(servers)
    assert {span.trace for span in streams} == set(callers)
    for timing in timings:
        assert "generate" in [entry.name for entry in timing]

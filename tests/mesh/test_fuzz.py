"""Requests that are nearly right, by the thousand: a status for each, and a mesh as before.

CONVOY_FUZZ says how many: 2,000 unless it does, always the same; ``make fuzz`` sends 100,000, and
says which by CONVOY_FUZZ_SEED.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from convoy import Batch, Code, Datatype, Tensor
from convoy.oip.v2 import inference_pb2 as oip
from convoy.status import DOMAIN
from convoy.v1 import (
    batch_pb2,
    captioning_pb2,
    embedding_pb2,
    generation_pb2,
    pipeline_pb2,
    relay_pb2,
    stage_pb2,
)
from convoy.wire import read_batch, write_batch
from convoy_services.local.mesh import LocalMesh
from convoy_services.local.processes import Process
from tests.mesh.mutants import Change, made
from tests.mesh.test_captioning import PICTURES

COUNT = int(os.environ.get("CONVOY_FUZZ", "2000"))
SEED = int(os.environ.get("CONVOY_FUZZ_SEED", "0"))

TOGETHER = 50
"""Requests in flight at a time."""

PATIENCE = 30.0
"""Seconds after which a call hangs; its deadline is later, so that it does not answer for it."""

GROWTH = 24 << 20
"""Bytes by which a process may grow in the second half of the requests."""

EXPECTED = {
    Code.OK,
    Code.INVALID_ARGUMENT,
    Code.NOT_FOUND,
    Code.UNIMPLEMENTED,
    Code.RESOURCE_EXHAUSTED,  # a pipeline of the tests has a queue of eight rows
    Code.DEADLINE_EXCEEDED,  # a timeout inside a request may be anything; that of the call never is
}


def batch(**columns: Tensor) -> batch_pb2.Batch:
    message = batch_pb2.Batch()
    rows = next(iter(columns.values())).rows
    write_batch(Batch(rows=rows, columns=columns), message)
    return message


POINTS = batch(
    points=Tensor.pack([[[1, 2]], [[3, 4], [5, 6]]], Datatype.FP32, (-1, 2)),
    name=Tensor.texts(["a", "bc"]),
)
WORDS = batch(words=Tensor.pack([["a", "bc"], [], ["d"]], Datatype.BYTES, (-1,)))
TEXT = batch(text=Tensor.texts(["parse a date", "naïve"]))
DATA = batch(data=Tensor.texts([b"one", b"", b"\xff\0"]))
IDS = batch(input_ids=Tensor.pack([[101, 2054, 102], [101, 102]], Datatype.INT64, (-1,)))
VECTORS = batch(
    pooled=Tensor.of(np.eye(2, 384, dtype=np.float32)),
    dimensions=Tensor.pack([0, 8], Datatype.INT32),
)
CONTEXT = batch_pb2.RowContext(
    ids=np.arange(2, dtype="<u8").tobytes(),
    remaining_us=np.full(2, 10**7, "<i8").tobytes(),
    priorities=b"\1\2",
    tenants=["a", "b"],
)


PROMPTS = batch(
    input_ids=Tensor.pack([[5, 6, 7], [8]], Datatype.INT64, (-1,)),
    max_tokens=Tensor.pack([2, 3], Datatype.INT32),
)
SAMPLING = generation_pb2.SamplingParameters(
    max_tokens=4,
    temperature=0.5,
    top_p=0.9,
    top_k=5,
    min_p=0.1,
    seed=7,
    repetition_penalty=1.1,
    stop=["x"],
    stop_token_ids=[9],
    logprobs=2,
    n=2,
)


def infer(model: str, **more: Any) -> oip.ModelInferRequest:
    tensor = oip.ModelInferRequest.InferInputTensor
    return oip.ModelInferRequest(
        model_name=model,
        id="7",
        inputs=[
            tensor(
                name="points",
                datatype="FP32",
                shape=[2, 1, 2],
                contents=oip.InferTensorContents(fp32_contents=[1, 2, 3, 4]),
            ),
            tensor(
                name="name",
                datatype="BYTES",
                shape=[2],
                contents=oip.InferTensorContents(bytes_contents=[b"a", b"bc"]),
            ),
        ],
        **more,
    )


RAW = oip.ModelInferRequest(
    model_name="echo",
    inputs=[oip.ModelInferRequest.InferInputTensor(name="data", datatype="BYTES", shape=[2])],
    raw_input_contents=[b"\1\0\0\0a\2\0\0\0bc"],
)

RIGHT = pipeline_pb2.RunRequest(pipeline="mean", batch=POINTS)

SEEDS: dict[str, list[Message]] = {
    "/convoy.v1.PipelineService/Run": [
        RIGHT,
        pipeline_pb2.RunRequest(pipeline="reverse", batch=WORDS, outputs=["reversed"]),
        pipeline_pb2.RunRequest(pipeline="echo", batch=DATA),
        pipeline_pb2.RunRequest(pipeline="embedding", batch=TEXT),
        pipeline_pb2.RunRequest(pipeline="shared", batch=DATA),
    ],
    "/convoy.v1.PipelineService/RunStream": [
        pipeline_pb2.RunStreamRequest(pipeline="reverse", batch=WORDS),
        pipeline_pb2.RunStreamRequest(pipeline="echo", batch=DATA),
    ],
    "/convoy.v1.PipelineService/List": [pipeline_pb2.ListRequest()],
    "/convoy.v1.PipelineService/Describe": [pipeline_pb2.DescribeRequest(pipeline="mean")],
    "/convoy.v1.EmbeddingService/Embed": [
        embedding_pb2.EmbedRequest(texts=["one", "naïve"], dimensions=8, normalize=False),
        embedding_pb2.EmbedRequest(texts=["two"], encoding=2),
    ],
    "/convoy.v1.GenerationService/Generate": [
        generation_pb2.GenerateRequest(text="naïve", sampling=SAMPLING),
        generation_pb2.GenerateRequest(token_ids={"ids": [5, 6]}, sampling=SAMPLING),
    ],
    "/convoy.v1.GenerationService/GenerateStream": [
        generation_pb2.GenerateStreamRequest(text="One", sampling=SAMPLING)
    ],
    "/convoy.v1.GenerationService/Chat": [
        generation_pb2.ChatRequest(
            messages=[{"role": "system", "content": "a"}, {"role": "user", "content": "b"}],
            sampling=SAMPLING,
        )
    ],
    "/convoy.v1.GenerationService/ChatStream": [
        generation_pb2.ChatStreamRequest(
            messages=[{"role": "user", "content": "b"}], sampling=SAMPLING
        )
    ],
    "/convoy.v1.CaptioningService/Caption": [
        captioning_pb2.CaptionRequest(image=PICTURES[0], question="What?", sampling=SAMPLING)
    ],
    "/convoy.v1.CaptioningService/CaptionStream": [
        captioning_pb2.CaptionStreamRequest(image=PICTURES[1], sampling=SAMPLING)
    ],
    "/convoy.v1.PreprocessService/Preprocess": [
        stage_pb2.PreprocessRequest(stage="mean", batch=POINTS, rows=CONTEXT),
        stage_pb2.PreprocessRequest(stage="tokenize", batch=TEXT),
    ],
    "/convoy.v1.InferenceService/Infer": [stage_pb2.InferRequest(stage="encode", batch=IDS)],
    "/convoy.v1.InferenceService/InferStream": [
        stage_pb2.InferStreamRequest(stage="encode", batch=IDS, rows=CONTEXT),
        stage_pb2.InferStreamRequest(stage="generate", batch=PROMPTS, rows=CONTEXT),
    ],
    "/convoy.v1.PostprocessService/Postprocess": [
        stage_pb2.PostprocessRequest(stage="normalize", batch=VECTORS, rows=CONTEXT)
    ],
    "/convoy.v1.RelayService/Relay": [
        relay_pb2.RelayRequest(
            calls=[
                relay_pb2.RelayCall(
                    id=n, start=relay_pb2.RelayStart(method=f"/convoy.v1.{method}", request=data)
                )
                for n, (method, data) in enumerate(
                    {
                        "PipelineService/Run": RIGHT.SerializeToString(),
                        "PipelineService/List": b"",
                        "PipelineService/RunStream": RIGHT.SerializeToString(),
                    }.items()
                )
            ]
            + [relay_pb2.RelayCall(id=1, cancel=relay_pb2.RelayCancel())]
        )
    ],
    "/grpc.health.v1.Health/Check": [health_pb2.HealthCheckRequest(service="pipeline/mean")],
    "/inference.GRPCInferenceService/ModelInfer": [infer("mean"), RAW],
    "/inference.GRPCInferenceService/ModelStreamInfer": [infer("mean"), RAW],
    "/inference.GRPCInferenceService/ModelMetadata": [oip.ModelMetadataRequest(name="mean")],
    "/inference.GRPCInferenceService/ModelConfig": [oip.ModelConfigRequest(name="mean")],
    "/inference.GRPCInferenceService/ModelStatistics": [oip.ModelStatisticsRequest(name="mean")],
    "/inference.GRPCInferenceService/RepositoryIndex": [oip.RepositoryIndexRequest(ready=True)],
}
"""Valid requests, by method."""

ANY = [(method, seed) for method, seeds in SEEDS.items() for seed in seeds]

REPLIES = {
    f"/{service.full_name}/{method.name}": GetMessageClass(method.output_type)
    for module in (
        captioning_pb2,
        embedding_pb2,
        generation_pb2,
        health_pb2,
        oip,
        pipeline_pb2,
        relay_pb2,
        stage_pb2,
    )
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}

METADATA = [
    (),
    (),
    (),
    (("convoy-priority", "2"),),
    (("convoy-priority", "-1"),),
    (("convoy-tenant", "x" * 200),),
    (("traceparent", "00-zz"),),
]

Mutant = tuple[int, list[Change], list[Change], int]

_number = st.integers(0, 2**16)
_change = st.tuples(_number, _number, _number)
_mutant = st.tuples(
    st.integers(0, len(ANY) - 1),
    st.lists(_change, max_size=4),
    st.lists(_change, max_size=1),
    st.integers(0, len(METADATA) - 1),
)


async def ask(channel: grpc.aio.Channel, mutant: Mutant) -> list[Code]:
    """Send a request; gives the codes of the call and of all that its replies tell of."""
    which, changes, spoilt, metadata = mutant
    method, message = ANY[which]
    data = made(message, changes, spoilt)
    given: dict[str, Any] = {"timeout": 2 * PATIENCE, "metadata": METADATA[metadata]}
    raws: list[bytes] = []
    try:
        if method.endswith(("/Relay", "/ModelStreamInfer")):
            stream = channel.stream_stream(method)(**given)
            await stream.write(data)
            await stream.done_writing()
            raws += [raw async for raw in stream]
        elif method.endswith("Stream"):
            raws += [raw async for raw in channel.unary_stream(method)(data, **given)]
        else:
            raws.append(await channel.unary_unary(method)(data, **given))
    except grpc.aio.AioRpcError as error:
        return [told(error)]
    return [Code.OK, *(code for raw in raws for code in codes(REPLIES[method].FromString(raw)))]


def told(error: grpc.aio.AioRpcError) -> Code:
    """Give the code of a call that failed; it has details, as all that the mesh refuses."""
    trailers = dict(error.trailing_metadata() or ())
    details = trailers.get("grpc-status-details-bin")
    assert details is not None, f"no details: {error.code()} {error.details()}"
    info = ErrorInfo()
    assert Status.FromString(details).details[0].Unpack(info)
    assert info.domain == DOMAIN
    return Code(error.code().value[0])


def codes(reply: Any) -> list[Code]:
    """Give the codes of the failures that a reply holds."""
    if isinstance(reply, relay_pb2.RelayResponse):
        return [Code(Status.FromString(r.status).code) for r in reply.replies if r.status]
    if hasattr(reply, "batch"):
        return [Code(failure.failure.code) for failure in reply.batch.failures]
    return []


async def send(channel: grpc.aio.Channel, mutants: Sequence[Mutant], seen: Counter[Code]) -> None:
    """Send requests together, and then a right one."""
    async with asyncio.timeout(PATIENCE):
        answers = await asyncio.gather(*(ask(channel, mutant) for mutant in mutants))
    for mutant, answer in zip(mutants, answers, strict=True):
        seen.update(answer)
        assert {*answer} <= EXPECTED, f"{answer} for {ANY[mutant[0]][0]}"
    call = channel.unary_unary("/convoy.v1.PipelineService/Run")
    raw = await call(RIGHT.SerializeToString(), timeout=PATIENCE)
    result = read_batch(pipeline_pb2.RunResponse.FromString(raw).batch)
    assert result["mean"].tolist() == [[1, 2], [4, 5]]


@pytest.mark.timeout(120 + COUNT // 20)
def test_requests_that_are_nearly_right_get_a_status_and_leave_nothing_behind(
    mesh: LocalMesh,
) -> None:
    seen: Counter[Code] = Counter()
    with asyncio.Runner() as runner:
        channel = runner.run(_open(mesh.target))

        @settings(
            max_examples=COUNT // TOGETHER // 2,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.lists(_mutant, min_size=TOGETHER, max_size=TOGETHER))
        def attack(mutants: list[Mutant]) -> None:
            runner.run(send(channel, mutants, seen))

        seed(SEED)(attack)()
        before = serving(mesh)
        seed(SEED + 1)(attack)()
        after = serving(mesh)
        runner.run(channel.close(None))
    assert after.keys() == before.keys(), "a process is gone or new"
    grown = {process.name: after[process] - before[process] for process in before}
    print(f"\nseed {SEED}, {sum(seen.values())} codes: {dict(seen)}")
    for process in before:
        print(f"{process.name}: {before[process] >> 20} MiB, then {after[process] >> 20} MiB")
    assert max(grown.values()) < GROWTH, grown
    assert {name: told["waiting"] for name, told in mesh.status()["traffic"].items()} == (
        dict.fromkeys(mesh.status()["pipelines"], 0)
    )


async def _open(target: str) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(target)


def serving(mesh: LocalMesh) -> dict[Process, int]:
    """Give the processes that requests pass through, and the bytes that each holds for itself."""
    names = ("ServeReplica", "haproxy", "ProxyActor", "ServeController")
    return {p: _own(p) for p in mesh.members() if p.name.startswith(names)}


def _own(process: Process) -> int:
    """Give the bytes of memory that no file backs."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the process is gone")

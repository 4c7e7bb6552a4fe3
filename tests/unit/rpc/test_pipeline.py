"""PipelineService over stages that add."""

import asyncio
from typing import Any

import pytest

from convoy import Batch, Code, ConvoyError, Datatype, Tensor
from convoy.v1 import batch_pb2
from convoy.v1 import pipeline_pb2 as pb
from convoy.wire import read_batch, write_batch
from convoy_services.rpc.call import Call
from convoy_services.rpc.pipeline import PipelineServicer
from tests.unit.mesh.hosted import Hosted, numbers
from tests.unit.mesh.virtual_time import simulate

STAGES = "tests.unit.mesh.stages"
TEXT = f"""
stages:
  add: {{class: "{STAGES}:Add", settings: {{bad: [13], refused: [17]}}}}
  name: {{class: "{STAGES}:Name", place_with: add}}
  more: {{class: "{STAGES}:Add"}}
pipelines:
  p:
    steps:
      - {{stage: add, from: [x]}}
      - {{stage: name, from: {{x: y, prefix: prefix}}}}
      - stage: more
        from: {{x: y}}
        to: {{y: z}}
        when: again
        optional: {{budget: 20ms, fallback: {{z: 0}}}}
    outputs: [y, name, z]
    limits: {{rows: 100, bytes: 1MiB, timeout: 5s}}
    batch: {{rows: 2}}
  q:
    steps: [{{stage: more, from: [x]}}]
    outputs: [y]
"""


def given(*values: int, again: bool = True) -> batch_pb2.Batch:
    columns = {"again": Tensor.pack([again] * len(values), Datatype.BOOL)}
    message = batch_pb2.Batch()
    write_batch(Batch(rows=len(values), columns={**numbers(*values).columns, **columns}), message)
    return message


def run(request: pb.RunRequest, call: Call | None = None) -> Batch:
    async def scenario() -> Batch:
        servicer = PipelineServicer(Hosted.of(TEXT).mesh)
        async with asyncio.timeout(60):
            return read_batch((await servicer.Run(request, call or Call())).batch)

    return simulate(scenario())


def test_rows_run_through_the_pipeline_by_its_name() -> None:
    result = run(pb.RunRequest(pipeline="p", batch=given(1, 2, 3)))
    assert list(result.columns) == ["y", "name", "z"]
    assert result["y"].tolist() == [2, 3, 4]
    assert result["name"].strings() == ["no. 2", "no. 3", "no. 4"]
    assert result["z"].tolist() == [3, 4, 5]


def test_only_the_outputs_asked_for_come_back() -> None:
    result = run(pb.RunRequest(pipeline="p", batch=given(1), outputs=["z", "y"]))
    assert set(result.columns) == {"y", "z"}


def test_every_row_has_its_own_status() -> None:
    result = run(pb.RunRequest(pipeline="p", batch=given(1, 13, 3, 17, 5)))
    assert {row: e.reason for row, e in result.failures.items()} == {1: "INTERNAL", 3: "REFUSED"}
    assert [result["y"].tolist()[row] for row in (0, 2, 4)] == [2, 4, 6]


@pytest.mark.parametrize(
    ("request_", "code", "field"),
    [
        (pb.RunRequest(pipeline="nope", batch=given(1)), Code.NOT_FOUND, None),
        (
            pb.RunRequest(pipeline="p", batch=given(1), outputs=["y", "nope"]),
            Code.INVALID_ARGUMENT,
            "outputs[1]",
        ),
        (pb.RunRequest(pipeline="p"), Code.INVALID_ARGUMENT, "batch.rows"),
        (
            pb.RunRequest(pipeline="p", batch=given(*range(101))),
            Code.INVALID_ARGUMENT,
            "batch.rows",
        ),
        (
            pb.RunRequest(pipeline="p", batch=batch_pb2.Batch(rows=2**32 - 1)),
            Code.INVALID_ARGUMENT,
            "batch.rows",
        ),
        (
            pb.RunRequest(
                pipeline="p",
                batch=batch_pb2.Batch(rows=1, tensors=[batch_pb2.Tensor(name="x")]),
            ),
            Code.INVALID_ARGUMENT,
            "batch.tensors[0]",
        ),
    ],
)
def test_a_faulty_request_is_refused_by_field(
    request_: pb.RunRequest, code: Code, field: str | None
) -> None:
    with pytest.raises(ConvoyError) as caught:
        run(request_)
    assert caught.value.code is code
    assert field is None or field in [v.field for v in caught.value.violations]


def test_a_deadline_that_has_passed_is_refused() -> None:
    with pytest.raises(ConvoyError) as caught:
        run(pb.RunRequest(pipeline="p", batch=given(1)), Call(deadline=0.0))
    assert caught.value.code is Code.DEADLINE_EXCEEDED


def test_a_call_without_a_deadline_has_the_pipelines() -> None:
    async def scenario() -> tuple[Code, float]:
        servicer = PipelineServicer(Hosted.of(TEXT, add=60.0).mesh)
        with pytest.raises(ConvoyError) as caught:
            await servicer.Run(pb.RunRequest(pipeline="p", batch=given(1)), Call())
        return caught.value.code, asyncio.get_running_loop().time()

    assert simulate(scenario()) == (Code.DEADLINE_EXCEEDED, 5.0)


def stream(values: list[int], **seconds: float) -> tuple[list[tuple[float, int, Any]], Any]:
    """The time, first row and column of each answer, and the error that ends them."""

    async def scenario() -> tuple[list[tuple[float, int, Any]], Any]:
        loop = asyncio.get_running_loop()
        servicer = PipelineServicer(Hosted.of(TEXT, **seconds).mesh)
        request = pb.RunStreamRequest(pipeline="p", batch=given(*values), outputs=["y"])
        answers: list[tuple[float, int, Any]] = []
        try:
            async with asyncio.timeout(60):
                async for response in servicer.RunStream(request, Call()):
                    batch = read_batch(response.batch)
                    row = response.first_row
                    answers.append((loop.time(), row, batch["y"].tolist()))
        except ConvoyError as error:
            return answers, error.code
        return answers, None

    return simulate(scenario())


def test_a_stream_answers_with_each_part_as_it_is_there() -> None:
    answers, error = stream([1, 2, 3, 4, 5], add=1.0)
    assert [(row, y) for _, row, y in answers] == [(0, [2, 3]), (2, [4, 5]), (4, [6])]
    assert [t for t, _, _ in answers] == [pytest.approx(n, abs=0.01) for n in (1, 2, 3)]
    assert error is None


def test_a_stream_ends_with_the_error_after_what_was_there() -> None:
    answers, error = stream([1, 2, 3, 4, 5], add=2.0)
    assert [row for _, row, _ in answers] == [0, 2]
    assert error is Code.DEADLINE_EXCEEDED


def test_failures_of_a_part_count_from_its_first_row() -> None:
    async def scenario() -> list[tuple[int, list[int]]]:
        servicer = PipelineServicer(Hosted.of(TEXT).mesh)
        request = pb.RunStreamRequest(pipeline="p", batch=given(1, 2, 3, 13))
        return [
            (response.first_row, list(read_batch(response.batch).failures))
            async for response in servicer.RunStream(request, Call())
        ]

    assert simulate(scenario()) == [(0, []), (2, [1])]


def test_a_stream_that_the_caller_leaves_gives_its_rows_up() -> None:
    async def scenario() -> tuple[int, int]:
        hosted = Hosted.of(TEXT, add=1.0)
        servicer = PipelineServicer(hosted.mesh)
        request = pb.RunStreamRequest(pipeline="p", batch=given(*range(20)))
        replies = servicer.RunStream(request, Call())
        await anext(replies)
        await replies.aclose()  # type: ignore[attr-defined]
        await asyncio.sleep(60.0)
        return hosted.mesh.pipeline("p")._queue.rows, len(hosted.links["add"].requests)

    rows, crossed = simulate(scenario())
    assert rows == 0
    assert crossed <= 2


def test_pipelines_are_listed_by_name() -> None:
    async def scenario() -> pb.ListResponse:
        return await PipelineServicer(Hosted.of(TEXT).mesh).List(pb.ListRequest(), Call())

    assert simulate(scenario()).pipelines == ["p", "q"]


def test_a_pipeline_is_described_as_it_was_configured() -> None:
    async def scenario() -> pb.DescribeResponse:
        servicer = PipelineServicer(Hosted.of(TEXT).mesh)
        return await servicer.Describe(pb.DescribeRequest(pipeline="p"), Call())

    described = simulate(scenario())
    assert {c.name: c.optional for c in described.inputs} == {
        "x": False,
        "prefix": True,
        "again": False,
    }
    assert [c.name for c in described.outputs] == ["y", "name", "z"]
    assert described.outputs[1].datatype == batch_pb2.DATATYPE_BYTES
    add, name, more = described.steps
    assert (add.name, add.stage, add.kind, add.deployment) == (
        "add",
        "add",
        pb.STAGE_KIND_INFERENCE,
        "add",
    )
    assert (name.kind, name.deployment) == (pb.STAGE_KIND_POSTPROCESS, "add")
    assert list(name.consumes) == ["y", "prefix"]
    assert (more.when, more.optional, more.budget.ToMilliseconds()) == ("again", True, 20)
    assert described.limits.rows == 100
    assert described.limits.bytes == 1 << 20
    assert described.limits.timeout.ToSeconds() == 5


def test_a_pipeline_that_there_is_not_is_named_with_those_there_are() -> None:
    async def scenario() -> ConvoyError:
        servicer = PipelineServicer(Hosted.of(TEXT).mesh)
        with pytest.raises(ConvoyError) as caught:
            await servicer.Describe(pb.DescribeRequest(pipeline="nope"), Call())
        return caught.value

    error = simulate(scenario())
    assert error.code is Code.NOT_FOUND
    assert "p, q" in error.message

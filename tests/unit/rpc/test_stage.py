"""The three stage services: one stage, called alone."""

import asyncio
from typing import Any

import pytest

from convoy import Batch, Code, ConvoyError
from convoy.v1 import batch_pb2
from convoy.v1 import stage_pb2 as pb
from convoy.wire import read_batch, write_batch
from convoy_services.rpc.call import Call
from convoy_services.rpc.dispatch import Local
from convoy_services.rpc.services import servicers
from tests.unit.mesh.hosted import Hosted, numbers
from tests.unit.mesh.virtual_time import simulate

STAGES = "tests.unit.mesh.stages"
TEXT = f"""
stages:
  odd: {{class: "{STAGES}:Odd"}}
  add: {{class: "{STAGES}:Add", settings: {{bad: [13]}}}}
  name: {{class: "{STAGES}:Name", place_with: add}}
pipelines:
  p:
    steps:
      - {{stage: odd, from: [x]}}
      - {{stage: add, from: [x]}}
      - {{stage: name, from: {{x: y, prefix: prefix}}}}
    outputs: [odd, name]
"""


def wire(batch: Batch) -> batch_pb2.Batch:
    message = batch_pb2.Batch()
    write_batch(batch, message)
    return message


def ask(method: str, request: Any, response: Any, call: Call | None = None) -> list[Any]:
    """Call a method as a transport does."""

    async def scenario() -> list[Any]:
        local = Local(servicers(Hosted.of(TEXT).mesh))
        path, raw = f"/convoy.v1.{method}", request.SerializeToString()
        async with asyncio.timeout(60):
            if method.endswith("Stream"):
                replies = [r async for r in local.stream(path, raw, call or Call())]
            else:
                replies = [await local.unary(path, raw, call or Call())]
        return [response.FromString(reply) for reply in replies]

    return simulate(scenario())


INFER = "InferenceService/Infer"


@pytest.mark.parametrize(
    ("method", "request_", "response", "stage", "column", "expected"),
    [
        (
            "PreprocessService/Preprocess",
            pb.PreprocessRequest,
            pb.PreprocessResponse,
            "odd",
            "odd",
            [True, False],
        ),
        (INFER, pb.InferRequest, pb.InferResponse, "add", "y", [2, 3]),
        (
            "InferenceService/InferStream",
            pb.InferStreamRequest,
            pb.InferStreamResponse,
            "add",
            "y",
            [2, 3],
        ),
        (
            "PostprocessService/Postprocess",
            pb.PostprocessRequest,
            pb.PostprocessResponse,
            "name",
            "name",
            [b"no. 1", b"no. 2"],
        ),
    ],
)
def test_a_stage_runs_alone_by_its_name(
    method: str, request_: Any, response: Any, stage: str, column: str, expected: list[Any]
) -> None:
    (reply,) = ask(method, request_(stage=stage, batch=wire(numbers(1, 2))), response)
    assert read_batch(reply.batch)[column].tolist() == expected


def test_a_row_fails_alone_and_the_report_tells_of_the_search_for_it() -> None:
    request = pb.InferRequest(stage="add", batch=wire(numbers(1, 13, 3)))
    (reply,) = ask(INFER, request, pb.InferResponse)
    batch = read_batch(reply.batch)
    assert list(batch.failures) == [1]
    assert reply.report.bisections == 2


def test_rows_that_are_late_are_dropped_and_counted() -> None:
    rows = batch_pb2.RowContext(
        remaining_us=b"".join(us.to_bytes(8, "little") for us in (0, 10**6))
    )
    request = pb.InferRequest(stage="add", rows=rows, batch=wire(numbers(1, 2)))
    (reply,) = ask(INFER, request, pb.InferResponse)
    batch = read_batch(reply.batch)
    assert {row: e.code for row, e in batch.failures.items()} == {0: Code.DEADLINE_EXCEEDED}
    assert batch["y"].tolist()[1] == 3
    assert reply.report.expired == 1


def test_the_calls_deadline_is_that_of_rows_without_one() -> None:
    request = pb.InferRequest(stage="add", batch=wire(numbers(1)))
    with pytest.raises(ConvoyError) as caught:
        ask(INFER, request, pb.InferResponse, Call(deadline=-1.0))
    assert caught.value.code is Code.DEADLINE_EXCEEDED


@pytest.mark.parametrize("stage", ["nope", "odd", ""])
def test_a_stage_that_the_service_has_not_is_named_with_those_it_has(stage: str) -> None:
    with pytest.raises(ConvoyError, match="there are: add") as caught:
        ask(INFER, pb.InferRequest(stage=stage), pb.InferResponse)
    assert caught.value.code is Code.NOT_FOUND


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (pb.InferRequest(), ["batch.rows", "batch.tensors"]),
        (
            pb.InferRequest(batch=wire(numbers(1, column="q"))),
            ["batch.tensors", "batch.tensors[q]"],
        ),
        (pb.InferRequest(batch=batch_pb2.Batch(rows=2**32 - 1)), ["batch.rows"]),
        (
            pb.InferRequest(
                batch=wire(numbers(1, 2)), rows=batch_pb2.RowContext(priorities=b"\x01")
            ),
            ["rows.priorities"],
        ),
    ],
)
def test_a_faulty_request_is_refused_by_field(request_: Any, fields: list[str]) -> None:
    request_.stage = "add"
    with pytest.raises(ConvoyError) as caught:
        ask(INFER, request_, pb.InferResponse)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert [v.field for v in caught.value.violations] == fields


def test_a_shared_hop_is_not_run_for_one_who_names_its_pipeline() -> None:
    """A stage that is called alone runs alone, whatever the request says of pipeline and step."""
    request = pb.InferRequest(stage="add", pipeline="p", step="add", batch=wire(numbers(1)))
    (reply,) = ask(INFER, request, pb.InferResponse)
    assert list(read_batch(reply.batch).columns) == ["y"]

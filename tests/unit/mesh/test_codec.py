"""What crosses a hop."""

from dataclasses import replace

import numpy as np
import pytest
from google.protobuf.message import DecodeError

from convoy import Batch, Code, ConvoyError, Datatype, Degradation, Tensor
from convoy.v1 import batch_pb2, stage_pb2
from convoy_services.mesh.codec import CODECS
from convoy_services.mesh.context import BACKGROUND, NORMAL, URGENT, RowContext
from convoy_services.mesh.hop import StageReport, StageRequest, StageResponse
from convoy_services.mesh.stage import StageKind
from tests.unit.mesh.hosted import numbers

CODEC = CODECS[StageKind.INFERENCE]


def context(*deadlines: float) -> RowContext:
    rows = len(deadlines)
    return RowContext(
        ids=np.arange(rows, dtype=np.uint64) + 7,
        deadlines=np.array(deadlines),
        priorities=np.resize(np.array([URGENT, BACKGROUND, NORMAL], np.uint8), rows),
        traceparents=[f"00-{row}" for row in range(rows)],
        tenants=["a"] * rows,
    )


@pytest.mark.parametrize("kind", list(StageKind))
def test_a_request_comes_back_with_deadlines_of_the_other_clock(kind: StageKind) -> None:
    rows = context(100.5, 101.25, 99.0)
    sent = StageRequest(
        stage="rank",
        pipeline="search",
        step="rank_again",
        model_version="v2",
        rows=rows,
        batch=numbers(1, 2, 3),
    )
    payload = CODECS[kind].write_request(sent, now=100.0)
    read = CODECS[kind].parse_request(payload, now=5000.0, timeout=9.0)
    assert replace(read, rows=rows, batch=sent.batch) == sent
    assert read.batch["x"].tolist() == [1, 2, 3]
    assert read.rows.deadlines.tolist() == pytest.approx([5000.5, 5001.25, 4999.0], abs=2e-6)
    assert read.rows.ids.tolist() == [7, 8, 9]
    assert read.rows.priorities.tolist() == [URGENT, BACKGROUND, NORMAL]
    assert list(read.rows.traceparents) == ["00-0", "00-1", "00-2"]
    assert list(read.rows.tenants) == ["a"] * 3


@pytest.mark.parametrize("kind", list(StageKind))
def test_a_response_comes_back_with_failures_degradations_and_report(kind: StageKind) -> None:
    batch = Batch(
        rows=2,
        columns={"y": Tensor.texts(["a", ""])},
        failures={1: ConvoyError(Code.ABORTED, "no", "LOST", "rank")},
        degradations=(Degradation("rank", "LATE", (0,)),),
    )
    report = StageReport(queue_us=1, compute_us=2, expired=3, bisections=4)
    payload = CODECS[kind].write_response(StageResponse(batch=batch, report=report))
    read = CODECS[kind].parse_response(payload)
    assert read.report == report
    assert read.batch["y"].elements() == [b"a", b""]
    assert read.batch.failures[1].reason == "LOST"
    assert read.batch.degradations == batch.degradations


def test_rows_without_a_context_have_the_defaults() -> None:
    sent = stage_pb2.InferRequest(stage="rank", batch=batch_pb2.Batch(rows=2))
    read = CODEC.read_request(sent, now=10.0, timeout=3.0)
    assert read.rows.ids.tolist() == [0, 1]
    assert read.rows.deadlines.tolist() == [13.0, 13.0]
    assert read.rows.priorities.tolist() == [NORMAL, NORMAL]
    assert not read.rows.traceparents
    assert not read.rows.tenants


def test_no_rows_come_back() -> None:
    sent = StageRequest(stage="rank", rows=context(), batch=numbers())
    read = CODEC.parse_request(CODEC.write_request(sent, now=0.0), now=0.0, timeout=1.0)
    assert len(read.rows) == 0


def test_a_deadline_beyond_all_clocks_stays_far_ahead() -> None:
    sent = StageRequest(stage="rank", rows=context(1e18, 1e300), batch=numbers(1, 2))
    read = CODEC.parse_request(CODEC.write_request(sent, now=0.0), now=0.0, timeout=1.0)
    assert (read.rows.deadlines >= 1e9).all()


@pytest.mark.parametrize(
    ("field", "faulty"),
    [
        ("rows.ids", {"ids": bytes(8)}),
        ("rows.ids", {"ids": bytes(15)}),
        ("rows.remaining_us", {"remaining_us": bytes(24)}),
        ("rows.remaining_us", {"remaining_us": bytes(3)}),
        ("rows.priorities", {"priorities": bytes(3)}),
        ("rows.traceparents", {"traceparents": ["00"]}),
        ("rows.tenants", {"tenants": ["a", "b", "c"]}),
    ],
)
def test_a_context_of_other_rows_is_refused(field: str, faulty: dict[str, object]) -> None:
    message = stage_pb2.InferRequest(
        stage="rank", rows=batch_pb2.RowContext(**faulty), batch=batch_pb2.Batch(rows=2)
    )
    with pytest.raises(ConvoyError) as caught:
        CODEC.read_request(message, now=0.0, timeout=1.0)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert [v.field for v in caught.value.violations] == [field]


def test_rows_beyond_all_limits_are_refused_before_anything_is_made_for_them() -> None:
    """Four billion rows of nothing once made the host allocate 70 GB."""
    message = stage_pb2.InferRequest(stage="rank", batch=batch_pb2.Batch(rows=2**32 - 1))
    with pytest.raises(ConvoyError, match=r"batch\.rows"):
        CODEC.read_request(message, now=0.0, timeout=1.0)


def test_bytes_that_are_no_request_are_told_from_faulty_batches() -> None:
    with pytest.raises(DecodeError):
        CODEC.parse_request(b"\xff\xff", now=0.0, timeout=1.0)
    tensor = batch_pb2.Tensor(name="x", datatype=batch_pb2.DATATYPE_INT64, data=b"12345678")
    message = stage_pb2.InferRequest(batch=batch_pb2.Batch(rows=2, tensors=[tensor]))
    with pytest.raises(ConvoyError, match=r"batch\.tensors\[0\]"):
        CODEC.parse_request(message.SerializeToString(), now=0.0, timeout=1.0)


def test_a_context_is_taken_row_by_row() -> None:
    taken = context(1.0, 2.0, 3.0).take(np.array([2, 0]))
    assert len(taken) == 2
    assert taken.ids.tolist() == [9, 7]
    assert taken.deadlines.tolist() == [3.0, 1.0]
    assert taken.priorities.tolist() == [NORMAL, URGENT]
    assert list(taken.traceparents) == ["00-2", "00-0"]


def test_a_budget_only_shortens_deadlines() -> None:
    assert context(1.0, 3.0).until(2.0).deadlines.tolist() == [1.0, 2.0]


def test_the_columns_of_all_datatypes_cross() -> None:
    batch = Batch(
        rows=2,
        columns={str(d): Tensor.zeros(2, d, (2,)) for d in Datatype},
    )
    sent = StageRequest(stage="rank", rows=context(1.0, 1.0), batch=batch)
    read = CODEC.parse_request(CODEC.write_request(sent, now=0.0), now=0.0, timeout=1.0)
    assert {name: t.tolist() for name, t in read.batch.columns.items()} == {
        name: t.tolist() for name, t in batch.columns.items()
    }

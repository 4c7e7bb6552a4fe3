"""The bench tool's own arithmetic: what it sends, and what it makes of what it sees."""

import asyncio
import time
from collections import Counter
from itertools import islice

import numpy as np
import pytest

from convoy import Datatype, Timing
from convoy.datatype import TO_WIRE
from convoy.v1 import pipeline_pb2 as pb
from convoy_services.bench.load import Seen, closed, opened
from convoy_services.bench.payload import LONGEST, payloads
from convoy_services.bench.result import result


def described() -> pb.DescribeResponse:
    def spec(name: str, datatype: Datatype, shape: list[int], *, optional: bool = False) -> object:
        return pb.ColumnSpec(name=name, datatype=TO_WIRE[datatype], shape=shape, optional=optional)

    columns = [
        spec("text", Datatype.BYTES, []),
        spec("ids", Datatype.INT64, [-1]),
        spec("image", Datatype.FP32, [2, 3]),
        spec("flag", Datatype.BOOL, []),
        spec("left_out", Datatype.FP32, [], optional=True),
    ]
    return pb.DescribeResponse(inputs=columns)


def test_payloads_fit_every_column_that_must_be_given() -> None:
    batches = list(islice(payloads(described(), rows=4), 3))
    for batch in batches:
        assert batch.rows == 4
        assert list(batch.columns) == ["text", "ids", "image", "flag"]
        assert batch["image"].array.shape == (4, 2, 3)
        assert (batch["ids"].lengths >= 1).all()
        assert (batch["ids"].lengths <= LONGEST).all()
    again = list(islice(payloads(described(), rows=4), 3))
    assert [b["text"].tolist() for b in again] == [b["text"].tolist() for b in batches]
    assert batches[0]["text"].tolist() != batches[1]["text"].tolist()


async def test_a_closed_loop_keeps_its_number_in_flight() -> None:
    flying, most = 0, 0

    async def send(seen: Seen, _: float) -> None:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0.005)
        flying -= 1
        seen.codes["OK"] += 1

    seen = await closed(send, 5, 0.2)
    assert most == 5
    assert seen.codes["OK"] >= 5
    assert not seen.lags


async def test_an_open_loop_does_not_wait_and_counts_from_when_a_call_was_due() -> None:
    async def send(seen: Seen, due: float) -> None:
        if not seen.codes["OK"]:
            time.sleep(0.1)  # noqa: ASYNC251 (a generator that stalls)
        seen.codes["OK"] += 1
        seen.latencies.append(time.perf_counter() - due)

    seen = await opened(send, 400, 0.3)
    assert 60 < seen.codes["OK"] < 240
    # Those that were due meanwhile have waited, too.
    assert sum(latency > 0.02 for latency in seen.latencies) >= 10
    assert max(seen.lags) > 0.05


def timing(encode: float) -> Timing:
    told = Timing()
    trailer = (
        f"queue;dur=1.0, batch;dur={encode + 1};rows=4;requests=2, "
        f"encode;dur={encode};compute=2.0;wait=0.5;serialize=0.1;transport=value;bytes=10, "
        f"total;dur={encode + 2}"
    )
    told.read([("convoy-timing", trailer)])
    return told


def test_the_figures_are_those_of_what_was_seen() -> None:
    seen = Seen(
        latencies=list(np.arange(1, 1001) / 1000),
        codes=Counter(OK=1000, UNAVAILABLE=3),
        timings=[timing(3.0), timing(5.0)],
        seconds=10.0,
        cpu=1.0,
    )
    found = result("8 in flight", seen)
    assert (found["calls"], found["answered"], found["rate"]) == (1003, 1000, 100.0)
    assert found["ms"]["p50"] == pytest.approx(500, abs=1)
    assert found["ms"]["p99.9"] == pytest.approx(999, abs=1)
    [queue, batch, encode, total] = found["hops"]
    assert encode == {"name": "encode", "ms": 4.0, "compute": 2.0, "wait": 0.5, "serialize": 0.1}
    assert (queue["ms"], batch["ms"], total["ms"]) == (1.0, 5.0, 6.0)
    assert found["batch_rows"] == 4
    assert found["warnings"] == []


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (Seen(latencies=[0.01] * 500, seconds=1.0, cpu=0.9), "the generator took 90%"),
        (Seen(latencies=[0.01] * 500, lags=[0.05] * 500, seconds=1.0), "50.0 ms late"),
        (Seen(latencies=[0.01] * 5, seconds=1.0), "too few"),
    ],
)
def test_it_warns_where_the_generator_may_be_what_is_measured(seen: Seen, says: str) -> None:
    assert says in "; ".join(result("x", seen)["warnings"])

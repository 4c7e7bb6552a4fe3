"""What a recommender still answers while a part of it is slow, dead or wrong."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import numpy as np
import pytest

from convoy import Batch, Client, Code, ConvoyError, Datatype, Tensor
from convoy.client import Retry
from convoy.v1 import recommendation_pb2 as pb
from convoy.v1.recommendation_pb2_grpc import RecommendationServiceStub
from convoy_services.local.mesh import LocalMesh
from convoy_services.recommendation.model.version import Card
from tests.local import faults
from tests.mesh.calls import TIMEOUT, details
from tests.mesh.recommendation.raising_click import UNLUCKY
from tests.redis_server import RedisServer

HISTORY = [3, 9, 27]

Stub = RecommendationServiceStub


async def recommend(
    stub: Stub, limit: int = 20, timeout: float = TIMEOUT, **fields: object
) -> pb.RecommendResponse:
    request = pb.RecommendRequest(**{"history": HISTORY, **fields}, limit=limit)  # type: ignore[arg-type]
    return await stub.Recommend(request, timeout=timeout)  # type: ignore[no-any-return]


def replicas(mesh: LocalMesh, stage: str) -> list[int]:
    return [process.pid for process in faults.find(mesh, f"ServeReplica:convoy:{stage}")]


@contextmanager
def stopped(mesh: LocalMesh, *stages: str) -> Iterator[None]:
    """Hold the replicas of stages still, as a machine does that swaps."""
    pids = [pid for stage in stages for pid in replicas(mesh, stage)]
    assert len(pids) == len(stages)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def kill(mesh: LocalMesh, stage: str) -> None:
    (pid,) = replicas(mesh, stage)
    os.kill(pid, signal.SIGKILL)


def reasons(response: pb.RecommendResponse) -> dict[str, str]:
    assert [o.step for o in response.outcomes if o.degraded] == list(response.degraded)
    return {outcome.step: outcome.reason for outcome in response.outcomes}


async def test_a_slow_ranker_leaves_its_prior_within_its_budget(
    recommender: LocalMesh, stub: Stub, repository: Path
) -> None:
    prior = Card.load(repository / "1").priors["p_click"]
    with stopped(recommender, "rank_click"):
        response = await recommend(stub)
    assert reasons(response) == {"rank_click": "BUDGET_EXCEEDED"}
    assert len(response.items) == 20
    shown = [item.click_probability for item in response.items]
    assert shown == pytest.approx([prior] * 20, rel=1e-3)
    assert len({item.watch_seconds for item in response.items}) > 1
    await healthy(stub)


async def test_a_dead_ranker_leaves_its_prior(
    recommender: LocalMesh, stub: Stub, repository: Path
) -> None:
    prior = Card.load(repository / "1").priors["dwell"]
    kill(recommender, "rank_dwell")
    response = await recommend(stub)
    assert list(response.degraded) == ["rank_dwell"]
    shown = [item.watch_seconds for item in response.items]
    assert shown == pytest.approx([prior] * 20, rel=1e-3)
    assert len({item.click_probability for item in response.items}) > 1
    await healthy(stub)


async def test_a_ranker_that_raises_for_one_user_costs_no_other_anything(
    recommender: LocalMesh, stub: Stub
) -> None:
    users = range(1, 21)
    calls = [recommend(stub, user_id=user) for user in users]
    responses = dict(zip(users, await asyncio.gather(*calls), strict=True))
    degraded = {user: list(r.degraded) for user, r in responses.items() if r.degraded}
    assert degraded == {UNLUCKY: ["rank_click"]}
    assert len(responses[UNLUCKY].items) == 20


async def test_without_any_ranker_the_order_is_that_of_recall(
    recommender: LocalMesh, stub: Stub
) -> None:
    with stopped(recommender, "rank_click", "rank_dwell"):
        response = await recommend(stub, limit=5, explain=True)
    assert list(response.degraded) == ["rank_click", "rank_dwell"]
    assert len({item.score for item in response.items}) == 1
    first = max(item.recall_score for item in response.items)
    assert response.items[0].recall_score == first
    await healthy(stub)


async def test_the_other_channels_answer_for_a_dead_one(recommender: LocalMesh, stub: Stub) -> None:
    kill(recommender, "recall_vector")
    response = await recommend(stub, limit=100)
    assert list(response.degraded) == ["recall_vector"]
    assert response.items
    found = {channel for item in response.items for channel in item.channels}
    assert pb.RECALL_CHANNEL_VECTOR not in found
    assert pb.RECALL_CHANNEL_COVISIT in found
    await healthy(stub)


async def test_without_features_everybody_is_new(recommender: LocalMesh, stub: Stub) -> None:
    with stopped(recommender, "features"):
        response = await recommend(stub, user_id=5)
    assert reasons(response) == {"features": "BUDGET_EXCEEDED"}
    assert len(response.items) == 20
    await healthy(stub)


async def test_fallbacks_are_counted(recommender: LocalMesh, stub: Stub) -> None:
    from urllib.request import urlopen

    await recommend(stub, user_id=UNLUCKY)
    url = f"http://127.0.0.1:{recommender.settings.ports.metrics}/metrics"
    page = await asyncio.to_thread(lambda: urlopen(url, timeout=TIMEOUT).read().decode())
    counted = [
        float(line.rpartition(" ")[2])
        for line in page.splitlines()
        if line.startswith("convoy_fallbacks_total") and 'stage="rank_click"' in line
    ]
    assert sum(counted) >= 1


async def test_a_required_stage_that_is_down_is_told_with_when_to_ask_again(
    recommender: LocalMesh, stub: Stub, repository: Path
) -> None:
    """It cannot come back either: what it loads is not there."""
    file = repository / "1" / "items.npz"
    aside = file.rename(file.with_suffix(".aside"))
    try:
        kill(recommender, "merge")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await recommend(stub, timeout=8)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert details(caught.value).retry_after
    finally:
        aside.rename(file)
    await healthy(stub)


async def test_a_store_that_is_down_degrades_readers_and_refuses_writers(
    recommender: LocalMesh, redis: RedisServer
) -> None:
    def events(item: int) -> Batch:
        columns = {"user": [5], "item": [item], "kind": np.array([2], np.uint8)}
        columns |= {"seconds": np.zeros(1, np.float32), "time": [1_700_000_000_000_000 + item]}
        types = {"user": "INT64", "item": "INT64", "kind": "UINT8", "time": "INT64"}
        types["seconds"] = "FP32"
        packed = {n: Tensor.pack(v, Datatype(types[n])) for n, v in columns.items()}
        return Batch(rows=1, columns=packed)

    user = {"user": np.array([5])}
    async with Client(recommender.target, timeout=TIMEOUT, retry=Retry(burst=0)) as client:
        (await client.run("redis_events", events(7))).raise_for_failures()
        known = await client.run("redis_past", user)
        assert known["past"].tolist() == [[7]]
        assert not known.degradations
        redis.kill()
        unknown = await client.run("redis_past", user)
        assert unknown["past"].tolist() == [[]]
        assert [d.reason for d in unknown.degradations] == ["STORE_UNAVAILABLE"]
        assert [d.step for d in unknown.degradations] == ["features_redis"]
        with pytest.raises(ConvoyError) as caught:
            (await client.run("redis_events", events(8))).raise_for_failures()
        assert (caught.value.code, caught.value.reason) == (Code.UNAVAILABLE, "STORE_UNAVAILABLE")
        assert caught.value.retry_after
        redis.start()
        (await client.run("redis_events", events(9))).raise_for_failures()
        known = await client.run("redis_past", user)
        assert known["past"].tolist() == [[9, 7]]


async def healthy(stub: Stub) -> None:
    """Wait until nothing is degraded any more."""
    async with asyncio.timeout(faults.OVER):
        while True:
            try:
                if not (await recommend(stub)).degraded:
                    return
            except grpc.aio.AioRpcError:
                pass
            await asyncio.sleep(0.1)

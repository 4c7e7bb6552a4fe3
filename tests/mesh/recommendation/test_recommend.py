"""Recommendations over a real port: what comes, why, and what an event changes."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from convoy import Client, Code
from convoy.v1 import recommendation_pb2 as pb
from convoy.v1.recommendation_pb2_grpc import RecommendationServiceStub
from convoy_services.local.mesh import LocalMesh
from convoy_services.recommendation.model.catalogue import Catalogue
from convoy_services.recommendation.model.titles import Titles
from tests.mesh.calls import TIMEOUT, details

KNOWN, NEW = 5, 999_999
"""A user of the training log, and one whom nobody knows."""

Stub = RecommendationServiceStub


def ask(**fields: object) -> pb.RecommendRequest:
    return pb.RecommendRequest(**{"limit": 10, **fields})  # type: ignore[arg-type]


def ids(response: pb.RecommendResponse) -> list[int]:
    return [item.item_id for item in response.items]


async def record(stub: Stub, *events: pb.Event) -> int:
    requests = [pb.RecordEventsRequest(events=events), pb.RecordEventsRequest(last=True)]
    response = await stub.RecordEvents(iter(requests), timeout=TIMEOUT)
    return int(response.recorded)


async def test_a_user_with_a_history_gets_what_both_models_say(stub: Stub) -> None:
    response = await stub.Recommend(ask(user_id=KNOWN, history=[3, 9, 27]), timeout=TIMEOUT)
    assert len(response.items) == len(set(ids(response))) == 10
    assert not response.degraded
    assert not response.outcomes
    assert response.model_version == "1"
    for item in response.items:
        assert 0 < item.click_probability < 1
        assert item.watch_seconds > 0
        assert item.channels
        assert item.score == pytest.approx(item.click_probability * item.watch_seconds, rel=1e-4)
        assert not item.HasField("recall_score")
    found = {channel for item in response.items for channel in item.channels}
    assert pb.RECALL_CHANNEL_VECTOR in found


async def test_an_explanation_names_every_step_and_the_recall(stub: Stub) -> None:
    request = ask(user_id=KNOWN, history=[3, 9, 27], query="a cat", explain=True)
    response = await stub.Recommend(request, timeout=TIMEOUT)
    steps = {outcome.step for outcome in response.outcomes}
    assert steps >= {"features", "recall_vector", "tokenize", "rank_click", "rank_dwell", "rerank"}
    assert all(outcome.seconds > 0 and not outcome.degraded for outcome in response.outcomes)
    assert all(0 < item.recall_score <= 1 for item in response.items)


@pytest.mark.parametrize("fields", [{}, {"user_id": NEW}, {"user_id": NEW, "history": [10**12]}])
async def test_unknown_users_are_no_error(stub: Stub, fields: dict[str, object]) -> None:
    response = await stub.Recommend(ask(**fields), timeout=TIMEOUT)
    assert len(response.items) == 10
    assert not response.degraded


async def test_candidates_are_ranked_and_nothing_is_recalled(stub: Stub) -> None:
    request = ask(user_id=KNOWN, candidates=[7, 8, 9, 8, 10**9])
    response = await stub.Recommend(request, timeout=TIMEOUT)
    assert sorted(ids(response)) == [7, 8, 9, 10**9]
    assert {c for item in response.items for c in item.channels} == {pb.RECALL_CHANNEL_GIVEN}


async def test_filters_keep_items_out(stub: Stub, catalogue: Catalogue) -> None:
    first = ids(await stub.Recommend(ask(history=[3, 9, 27]), timeout=TIMEOUT))
    name = catalogue.categories[0]
    filters = pb.RecommendFilters(blocked=first[:3])
    blocked = await stub.Recommend(ask(history=[3, 9, 27], filters=filters), timeout=TIMEOUT)
    assert not set(first[:3]) & set(ids(blocked))
    filters = pb.RecommendFilters(categories=[name])
    only = await stub.Recommend(ask(history=[3, 9, 27], filters=filters), timeout=TIMEOUT)
    places = catalogue.find(ids(only))
    assert len(places)
    assert set(catalogue.category[places].tolist()) == {0}
    filters = pb.RecommendFilters(categories=["no such"])
    nothing = await stub.Recommend(ask(history=[3, 9, 27], filters=filters), timeout=TIMEOUT)
    assert not nothing.items


async def test_a_query_finds_titles(stub: Stub) -> None:
    request = ask(query="playing the guitar", limit=100)
    response = await stub.Recommend(request, timeout=TIMEOUT)
    assert not response.degraded
    by_text = [i for i in response.items if pb.RECALL_CHANNEL_TEXT in i.channels]
    assert by_text
    without = await stub.Recommend(ask(limit=100), timeout=TIMEOUT)
    assert not [i for i in without.items if pb.RECALL_CHANNEL_TEXT in i.channels]


async def test_an_event_changes_the_next_recommendation_at_once(stub: Stub) -> None:
    user = 31_337
    before = await stub.Recommend(ask(user_id=user), timeout=TIMEOUT)
    shown = ids(before)
    watch = pb.Event(user_id=user, item_id=shown[0], kind=pb.EVENT_KIND_WATCH, watch_seconds=30)
    assert await record(stub, watch) == 1
    after = await stub.Recommend(ask(user_id=user), timeout=TIMEOUT)
    assert shown[0] not in ids(after)  # seen
    assert ids(after) != shown[1:]
    found = {channel for item in after.items for channel in item.channels}
    assert pb.RECALL_CHANNEL_COVISIT in found or found != {
        channel for item in before.items for channel in item.channels
    }
    again = pb.RecommendFilters(include_seen=True)
    seen = await stub.Recommend(
        ask(user_id=user, filters=again, candidates=[shown[0]]), timeout=TIMEOUT
    )
    assert ids(seen) == [shown[0]]


async def test_other_users_are_not_concerned(stub: Stub) -> None:
    before = await stub.Recommend(ask(user_id=41), timeout=TIMEOUT)
    shown = pb.Event(user_id=42, item_id=ids(before)[0], kind=pb.EVENT_KIND_IMPRESSION)
    await record(stub, shown)
    after = await stub.Recommend(ask(user_id=41), timeout=TIMEOUT)
    assert ids(after) == ids(before)


async def test_a_stream_without_its_last_message_is_aborted_and_keeps_what_came(
    stub: Stub,
) -> None:
    user = 51
    click = pb.Event(user_id=user, item_id=17, kind=pb.EVENT_KIND_CLICK)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.RecordEvents(iter([pb.RecordEventsRequest(events=[click])]), timeout=TIMEOUT)
    assert caught.value.code() is grpc.StatusCode.ABORTED
    response = await stub.Recommend(ask(user_id=user, limit=100), timeout=TIMEOUT)
    assert 17 not in ids(response)


async def test_events_may_come_in_one_message(stub: Stub) -> None:
    user = 52
    clicks = [pb.Event(user_id=user, item_id=i, kind=pb.EVENT_KIND_CLICK) for i in range(20)]
    response = await stub.RecordEventBatch(
        pb.RecordEventBatchRequest(events=clicks), timeout=TIMEOUT
    )
    assert response.recorded == 20
    later = await stub.Recommend(ask(user_id=user, limit=100), timeout=TIMEOUT)
    assert not set(range(20)) & set(ids(later))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.RecordEventBatch(
            pb.RecordEventBatchRequest(events=[*clicks, pb.Event(user_id=user)]), timeout=TIMEOUT
        )
    assert [v.field for v in details(caught.value).violations] == ["events[20].kind"]


async def test_many_streams_keep_every_event(recommender: LocalMesh, stub: Stub) -> None:
    async def requests(user: int) -> AsyncIterator[pb.RecordEventsRequest]:
        for item in range(20):
            event = pb.Event(user_id=user, item_id=item, kind=pb.EVENT_KIND_CLICK)
            yield pb.RecordEventsRequest(events=[event])
        yield pb.RecordEventsRequest(last=True)

    users = range(60_000, 60_020)
    calls = [stub.RecordEvents(requests(user), timeout=TIMEOUT) for user in users]
    assert [response.recorded for response in await asyncio.gather(*calls)] == [20] * len(users)
    request = [ask(user_id=user, limit=100) for user in users]
    for response in await asyncio.gather(*(stub.Recommend(r, timeout=TIMEOUT) for r in request)):
        assert not set(range(20)) & set(ids(response))


async def test_similar_items_are_ordered_and_leave_the_item_out(stub: Stub) -> None:
    response = await stub.SimilarItems(pb.SimilarItemsRequest(item_id=7, limit=5), timeout=TIMEOUT)
    similar = [item.similarity for item in response.items]
    assert len(similar) == 5
    assert similar == sorted(similar, reverse=True)
    assert all(-1 <= value <= 1.0001 for value in similar)
    assert 7 not in [item.item_id for item in response.items]


async def test_there_is_nothing_like_an_item_that_there_is_not(stub: Stub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.SimilarItems(pb.SimilarItemsRequest(item_id=10**9, limit=5), timeout=TIMEOUT)
    assert details(caught.value).reason == "ITEM_NOT_FOUND"
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_items_are_described_in_the_order_of_the_request(
    stub: Stub, repository: Path, catalogue: Catalogue
) -> None:
    titles = Titles.load(repository / "1", len(catalogue)).texts.strings()
    wanted = [17, 10**9, 3, 17, *range(1, 301)]
    response = await stub.DescribeItems(pb.DescribeItemsRequest(item_ids=wanted), timeout=TIMEOUT)
    assert [item.item_id for item in response.items] == [i for i in wanted if i != 10**9]
    assert all(titles)
    for item, row in zip(
        response.items, catalogue.find([i.item_id for i in response.items]), strict=True
    ):
        assert item.title == titles[row]
        assert item.category == catalogue.categories[catalogue.category[row]]
        assert item.seconds == catalogue.seconds[row]


async def test_items_that_are_none_are_named_on_the_wire(stub: Stub) -> None:
    request = pb.DescribeItemsRequest(item_ids=[1, 2, 3, -4])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.DescribeItems(request, timeout=TIMEOUT)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [v.field for v in details(caught.value).violations] == ["item_ids[3]"]


async def test_requests_travel_together_and_do_not_change_each_other(
    recommender: LocalMesh, stub: Stub
) -> None:
    requests = [ask(user_id=user, history=[user, user + 7], limit=20) for user in range(1, 65)]
    alone = [ids(await stub.Recommend(r, timeout=TIMEOUT)) for r in requests[:8]]
    before = recommender.status()["traffic"]["recommendation"]
    together = await asyncio.gather(*(stub.Recommend(r, timeout=TIMEOUT) for r in requests))
    after = recommender.status()["traffic"]["recommendation"]
    assert [ids(response) for response in together[:8]] == alone
    assert after["rows"] - before["rows"] == len(requests)
    assert after["left"] - before["left"] <= len(requests) // 4


async def test_the_generic_service_runs_the_same_pipeline(recommender: LocalMesh) -> None:
    async with Client(recommender.target, timeout=TIMEOUT) as client:
        rows = {"history": [[3, 9, 27], []], "limit": [5, 3]}
        result = (await client.run("recommendation", rows)).raise_for_failures()
        assert [len(items) for items in result["item"].tolist()] == [5, 3]
        refused = await client.run("recommendation", {"history": [[1]], "limit": [5]})
        assert not refused.failures


async def test_ids_of_the_wrong_type_are_refused_by_column(recommender: LocalMesh) -> None:
    from convoy import Batch, ConvoyError, Datatype, Tensor

    wrong = Batch(
        rows=1,
        columns={
            "history": Tensor.pack([["one"]], Datatype.BYTES, (-1,)),
            "limit": Tensor.pack([5], Datatype.INT32),
        },
    )
    async with Client(recommender.target, timeout=TIMEOUT) as client:
        with pytest.raises(ConvoyError) as caught:
            await client.run("recommendation", wrong)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert [v.field for v in caught.value.violations] == ["batch.tensors[history]"]


async def test_bad_requests_are_refused_by_field_on_the_wire(stub: Stub) -> None:
    request = ask(limit=0, context=pb.RecommendContext(numbers={"x": float("nan")}))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Recommend(request, timeout=TIMEOUT)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [v.field for v in details(caught.value).violations] == [
        "limit",
        "context.numbers[x]",
    ]


async def test_a_deadline_is_kept(stub: Stub) -> None:
    began = time.monotonic()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Recommend(ask(user_id=KNOWN), timeout=0.001)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - began < TIMEOUT

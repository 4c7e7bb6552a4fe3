"""RecommendationService over the pipelines ``recommendation``, ``similar``, ``items``, ``events``.

Its method that streams is in ``events.py``.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite

from convoy import Batch, Datatype, Tensor, Violation
from convoy.errors import invalid
from convoy.v1 import recommendation_pb2 as pb
from convoy_services.mesh.mesh import Mesh
from convoy_services.mesh.pipeline import Pipeline
from convoy_services.mesh.request import Request
from convoy_services.recommendation.bounds import LATEST, MOST_CANDIDATES, MOST_ITEMS
from convoy_services.recommendation.channel import Channel
from convoy_services.rpc import events
from convoy_services.rpc.call import Call
from convoy_services.rpc.whole import whole

MOST_HISTORY = 1000
MOST_BLOCKED = 10_000
MOST_DESCRIBED = 1000
MOST_FACTS = 64
"""Tags of a request, and numbers, and categories."""
LONGEST = 128
"""Characters of each, and of a device's name."""
LONGEST_QUERY = 2048

CHANNELS = {
    Channel.VECTOR: pb.RECALL_CHANNEL_VECTOR,
    Channel.COVISIT: pb.RECALL_CHANNEL_COVISIT,
    Channel.TEXT: pb.RECALL_CHANNEL_TEXT,
    Channel.POPULAR: pb.RECALL_CHANNEL_POPULAR,
    Channel.GIVEN: pb.RECALL_CHANNEL_GIVEN,
}


class RecommendationServicer:
    """Items for a user, items like an item, and what items are."""

    descriptor = pb.DESCRIPTOR.services_by_name["RecommendationService"]
    pipeline = "recommendation"

    def __init__(self, mesh: Mesh) -> None:
        """Answer from ``mesh``."""
        self._mesh = mesh

    async def Recommend(self, request: pb.RecommendRequest, call: Call) -> pb.RecommendResponse:
        """Recommend items to one user; raises ConvoyError naming each faulty field."""
        pipeline = self._mesh.pipeline(self.pipeline)
        _refuse(_faults(request))
        inputs = pipeline.plan.inputs.admit(to_batch(request))
        waiting = call.request(inputs, pipeline.plan.limits.timeout)
        result = _one(await pipeline.run(waiting))
        return pb.RecommendResponse(
            items=to_items(result, explain=request.explain),
            degraded=sorted({d.step for d in result.degradations}),
            outcomes=_outcomes(result, waiting, explain=request.explain),
            model_version=waiting.journeys[-1].version,
        )

    async def SimilarItems(
        self, request: pb.SimilarItemsRequest, call: Call
    ) -> pb.SimilarItemsResponse:
        """Give what is like an item; raises ConvoyError NOT_FOUND for one that there is not."""
        pipeline = self._mesh.pipeline("similar")
        _refuse([*_ids("item_id", [request.item_id], 1), *_limit(request.limit)])
        inputs = Batch(
            rows=1,
            columns={
                "item": Tensor.pack([request.item_id], Datatype.INT64),
                "limit": Tensor.pack([request.limit], Datatype.INT32),
            },
        )
        result = _one(await _run(pipeline, inputs, call))
        pairs = zip(result["items"].tolist()[0], result["scores"].tolist()[0], strict=True)
        return pb.SimilarItemsResponse(
            items=[pb.SimilarItem(item_id=item, similarity=score) for item, score in pairs]
        )

    async def DescribeItems(
        self, request: pb.DescribeItemsRequest, call: Call
    ) -> pb.DescribeItemsResponse:
        """Tell what items are; raises ConvoyError naming the first id that is none."""
        pipeline = self._mesh.pipeline("items")
        ids = list(request.item_ids)
        _refuse([*_ids("item_ids", ids, MOST_DESCRIBED)])
        if not ids:
            return pb.DescribeItemsResponse()
        inputs = Batch(rows=len(ids), columns={"item": Tensor.pack(ids, Datatype.INT64)})
        result = whole(await _run(pipeline, inputs, call), "item_ids")
        return pb.DescribeItemsResponse(items=to_descriptions(ids, result))

    async def RecordEventBatch(
        self, request: pb.RecordEventBatchRequest, call: Call
    ) -> pb.RecordEventBatchResponse:
        """Keep events; raises ConvoyError naming each faulty field, or where some are not kept."""
        pipeline = self._mesh.pipeline("events")
        rows = events.to_batch(request.events)
        if rows.rows:
            whole(await _run(pipeline, rows, call), "events")
        return pb.RecordEventBatchResponse(recorded=rows.rows)


async def _run(pipeline: Pipeline, inputs: Batch, call: Call) -> Batch:
    """Send a call's rows through a pipeline; raises ConvoyError where it does not take them."""
    admitted = pipeline.plan.inputs.admit(inputs)
    return await pipeline.run(call.request(admitted, pipeline.plan.limits.timeout))


def _one(result: Batch) -> Batch:
    """Give the result of one row; raises its ConvoyError where it failed."""
    if result.failures:
        raise result.failures[0]
    return result


def to_batch(request: pb.RecommendRequest) -> Batch:
    """Give the one row that a request is."""
    context, filters = request.context, request.filters
    columns = {
        "user": Tensor.pack([request.user_id], Datatype.INT64),
        "history": Tensor.pack([request.history], Datatype.INT64, (-1,)),
        "time": Tensor.pack([context.time.seconds], Datatype.INT64),
        "device": Tensor.texts([context.device]),
        "tags": Tensor.pack([context.tags], Datatype.BYTES, (-1,)),
        "number_names": Tensor.pack([list(context.numbers)], Datatype.BYTES, (-1,)),
        "numbers": Tensor.pack([list(context.numbers.values())], Datatype.FP32, (-1,)),
        "categories": Tensor.pack([filters.categories], Datatype.BYTES, (-1,)),
        "blocked": Tensor.pack([filters.blocked], Datatype.INT64, (-1,)),
        "keep_seen": Tensor.pack([filters.include_seen], Datatype.BOOL),
        "given": Tensor.pack([request.candidates], Datatype.INT64, (-1,)),
        "query": Tensor.texts([request.query]),
        "limit": Tensor.pack([request.limit], Datatype.INT32),
    }
    return Batch(rows=1, columns=columns)


def _refuse(faults: list[Violation]) -> None:
    if faults:
        raise invalid(faults[0].field, faults[0].description, *faults[1:])


def _faults(request: pb.RecommendRequest) -> list[Violation]:
    context, filters = request.context, request.filters
    return [
        *_ids("user_id", [request.user_id], 1),
        *_ids("history", request.history, MOST_HISTORY),
        *_ids("candidates", request.candidates, MOST_CANDIDATES),
        *_ids("filters.blocked", filters.blocked, MOST_BLOCKED),
        *_limit(request.limit),
        *_time(context),
        *_texts("context.device", [context.device]),
        *_texts("context.tags", context.tags),
        *_texts("filters.categories", filters.categories),
        *_numbers(context.numbers),
        *_query(request.query),
    ]


def _ids(field: str, ids: Sequence[int], most: int) -> Iterator[Violation]:
    if len(ids) > most:
        yield Violation(field, f"{len(ids)} ids; the limit is {most}")
    elif ids and min(ids) < 0:
        place = next(i for i, value in enumerate(ids) if value < 0)
        where = field if most == 1 else f"{field}[{place}]"
        yield Violation(where, f"{ids[place]} is no id: ids are not negative")


def _limit(limit: int) -> Iterator[Violation]:
    if not 1 <= limit <= MOST_ITEMS:
        yield Violation("limit", f"{limit} items; ask for 1 to {MOST_ITEMS}")


def _time(context: pb.RecommendContext) -> Iterator[Violation]:
    if not 0 <= context.time.seconds <= LATEST or not 0 <= context.time.nanos < 10**9:
        yield Violation("context.time", "take a time from 1970 to 9999")


def _texts(field: str, texts: Sequence[str]) -> Iterator[Violation]:
    if len(texts) > MOST_FACTS:
        yield Violation(field, f"{len(texts)} entries; the limit is {MOST_FACTS}")
    elif max(map(len, texts), default=0) > LONGEST:
        yield Violation(field, f"an entry has more than {LONGEST} characters")


def _numbers(numbers: Mapping[str, float]) -> Iterator[Violation]:
    if len(numbers) > MOST_FACTS:
        yield Violation("context.numbers", f"{len(numbers)} entries; the limit is {MOST_FACTS}")
        return
    for name, value in numbers.items():
        if len(name) > LONGEST:
            yield Violation("context.numbers", f"a name has more than {LONGEST} characters")
        elif not isfinite(value):
            yield Violation(f"context.numbers[{name}]", "NaN or infinity; take a finite number")


def _query(query: str) -> Iterator[Violation]:
    if len(query) > LONGEST_QUERY:
        yield Violation("query", f"{len(query)} characters; the limit is {LONGEST_QUERY}")


def to_items(result: Batch, *, explain: bool) -> list[pb.RecommendedItem]:
    """Give the items of the one row of a result."""
    names = ("item", "score", "item_p_click", "item_dwell", "item_channels", "item_recall")
    columns = (result[name].tolist()[0] for name in names)
    return [
        pb.RecommendedItem(
            item_id=item,
            score=score,
            click_probability=p_click,
            watch_seconds=dwell,
            channels=[kind for channel, kind in CHANNELS.items() if channel & channels],
            recall_score=recall if explain else None,
        )
        for item, score, p_click, dwell, channels, recall in zip(*columns, strict=True)
    ]


def to_descriptions(ids: Sequence[int], result: Batch) -> list[pb.ItemDescription]:
    """Give what a result knows of items, one of which was asked for a row."""
    known, seconds = result["known"].tolist(), result["seconds"].tolist()
    title, category = result["title"].strings(), result["category"].strings()
    return [
        pb.ItemDescription(item_id=item, title=title[i], category=category[i], seconds=seconds[i])
        for i, item in enumerate(ids)
        if known[i]
    ]


def _outcomes(result: Batch, waiting: Request, *, explain: bool) -> list[pb.StageOutcome]:
    reasons = {d.step: d.reason for d in result.degradations}
    return [
        pb.StageOutcome(
            step=crossing.hop,
            degraded=crossing.hop in reasons,
            reason=reasons.get(crossing.hop, ""),
            seconds=crossing.seconds,
        )
        for crossing in waiting.journeys[-1].crossings
        if (explain and crossing.rows) or crossing.hop in reasons
    ]

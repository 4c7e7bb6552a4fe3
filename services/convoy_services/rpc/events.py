"""RecordEvents: what users did, all at once or as it streams in."""

import time
from collections.abc import AsyncIterator, Iterator, Sequence

from google.protobuf.message import DecodeError

from convoy import Batch, Code, ConvoyError, Datatype, Tensor, Violation
from convoy.errors import invalid
from convoy.v1 import recommendation_pb2 as pb
from convoy_services.recommendation.bounds import AHEAD
from convoy_services.rpc.call import Call
from convoy_services.rpc.dispatch import Dispatcher

RECORD = "/convoy.v1.RecommendationService/RecordEventBatch"

KINDS = (pb.EVENT_KIND_IMPRESSION, pb.EVENT_KIND_CLICK, pb.EVENT_KIND_WATCH)
MOST = 4096
"""Events of one message."""
MOST_FAULTS = 16
"""Faulty fields that are named."""
DAY = 86_400.0
"""Seconds: the longest that anything is watched."""


class EventStream:
    """Answers RecordEvents wherever there is a dispatcher: each message is a request of its own.

    A stream that is cut ends, for its server, like one that came to its end (grpc.aio); so its
    last message has to say that it is the last.
    """

    descriptor = pb.DESCRIPTOR.services_by_name["RecommendationService"]

    def __init__(self, dispatcher: Dispatcher) -> None:
        """Send events to ``dispatcher``."""
        self._dispatcher = dispatcher

    def drain(self) -> None:
        """Let streams come to their own end: they have one."""

    async def RecordEvents(
        self, requests: AsyncIterator[bytes], call: Call
    ) -> AsyncIterator[bytes]:
        """Tell, once the last message came, how many events are kept: all of them.

        Raises ConvoyError INVALID_ARGUMENT for a faulty event, ABORTED for a stream without its
        last message. What came before is kept then.
        """
        recorded = messages = 0
        async for raw in requests:
            try:
                request = pb.RecordEventsRequest.FromString(raw)
            except DecodeError as exc:
                raise invalid("", "the bytes are no RecordEventsRequest") from exc
            if request.events:
                await self._record(request.events, call)
            recorded += len(request.events)
            messages += 1
            if request.last:
                yield pb.RecordEventsResponse(recorded=recorded).SerializeToString()
                return
        raise ConvoyError(
            Code.ABORTED,
            f"the stream ended without its last message; {recorded} events of {messages} messages "
            "are kept",
            "STREAM_CUT",
            metadata={"recorded": str(recorded)},
        )

    async def _record(self, events: Sequence[pb.Event], call: Call) -> None:
        """Wait until the events of one message are kept; raises ConvoyError."""
        request = pb.RecordEventBatchRequest(events=events).SerializeToString()
        await self._dispatcher.unary(RECORD, request, call.another())


def to_batch(events: Sequence[pb.Event]) -> Batch:
    """Give a row for each event; raises ConvoyError INVALID_ARGUMENT naming each faulty field."""
    if faults := list(_faults(events)):
        raise invalid(faults[0].field, faults[0].description, *faults[1:])
    now = time.time_ns() // 1000
    columns = {
        "user": Tensor.pack([e.user_id for e in events], Datatype.INT64),
        "item": Tensor.pack([e.item_id for e in events], Datatype.INT64),
        "kind": Tensor.pack([e.kind for e in events], Datatype.UINT8),
        "seconds": Tensor.pack([e.watch_seconds for e in events], Datatype.FP32),
        "time": Tensor.pack(
            [e.time.ToMicroseconds() if e.HasField("time") else now for e in events],
            Datatype.INT64,
        ),
    }
    return Batch(rows=len(events), columns=columns)


def _faults(events: Sequence[pb.Event]) -> Iterator[Violation]:
    if len(events) > MOST:
        yield Violation("events", f"{len(events)} events; the limit of a message is {MOST}")
        return
    found = 0
    for i, event in enumerate(events):
        for name, wrong in _wrong(event):
            yield Violation(f"events[{i}].{name}", wrong)
            found += 1
            if found == MOST_FAULTS:
                return


def _wrong(event: pb.Event) -> Iterator[tuple[str, str]]:
    if event.user_id <= 0:
        yield "user_id", f"{event.user_id} is no user: ids are above zero"
    if event.item_id < 0:
        yield "item_id", f"{event.item_id} is no item: ids are not negative"
    if event.kind not in KINDS:
        yield "kind", "take EVENT_KIND_IMPRESSION, EVENT_KIND_CLICK or EVENT_KIND_WATCH"
    if not 0 <= event.watch_seconds <= DAY:
        yield "watch_seconds", "take a number from 0 to 86,400"
    if not 0 <= event.time.seconds <= time.time() + AHEAD or not 0 <= event.time.nanos < 10**9:
        yield "time", "take a time since 1970 that is not in the future"

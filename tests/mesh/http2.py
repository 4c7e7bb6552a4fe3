"""HTTP/2 by hand, for what no gRPC client sends."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

LIST = "/convoy.v1.PipelineService/List"
EMPTY = b"\0\0\0\0\0"
"""A message of no fields, in gRPC's frame."""


@dataclass(slots=True)
class Reply:
    """What came back on one stream."""

    headers: dict[str, str] = field(default_factory=dict)
    """Trailers included."""
    data: bytes = b""
    reset: int | None = None
    """HTTP/2's code where the stream was reset."""
    connection_lost: bool = False


def headers(
    *more: tuple[str, str],
    path: str = LIST,
    method: str = "POST",
    content_type: str = "application/grpc",
) -> list[tuple[str, str]]:
    """Write the headers of a gRPC call."""
    first = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "mesh")]
    return [*first, ("content-type", content_type), ("te", "trailers"), *more]


async def exchange(
    target: str, *requests: tuple[Sequence[tuple[str, str]], bytes], timeout: float
) -> list[Reply]:
    """Send requests, each on a stream of its own of one connection, and read what comes back.

    Raises TimeoutError where a stream does not end.
    """
    host, _, port = target.rpartition(":")
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            lenient = H2Configuration(
                validate_outbound_headers=False, normalize_outbound_headers=False
            )
            connection = H2Connection(lenient)
            connection.initiate_connection()
            replies: dict[int, Reply] = {}
            for head, body in requests:
                stream = connection.get_next_available_stream_id()
                replies[stream] = Reply()
                connection.send_headers(stream, head)
                connection.send_data(stream, body, end_stream=True)
            writer.write(connection.data_to_send())
            waiting = {*replies}
            while waiting:
                data = await reader.read(1 << 16)
                events: list[Event] = connection.receive_data(data) if data else []
                for event in events:
                    waiting -= _read(event, replies)
                if not data or any(isinstance(event, ConnectionTerminated) for event in events):
                    for stream in waiting:
                        replies[stream].connection_lost = True
                    break
                writer.write(connection.data_to_send())
            return [*replies.values()]
        finally:
            writer.close()


def _read(event: Event, replies: dict[int, Reply]) -> set[int]:
    """Note what an event tells; gives the stream that it ends."""
    match event:
        case ResponseReceived() | TrailersReceived():
            assert event.stream_id is not None
            told = {key.decode(): value.decode() for key, value in event.headers or ()}
            replies[event.stream_id].headers |= told
        case DataReceived():
            assert event.stream_id is not None
            replies[event.stream_id].data += event.data or b""
        case StreamReset():
            assert event.stream_id is not None
            replies[event.stream_id].reset = event.error_code
            return {event.stream_id}
        case StreamEnded():
            assert event.stream_id is not None
            return {event.stream_id}
    return set()

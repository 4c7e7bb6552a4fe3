"""The machinery of bidirectional streams: what it holds is bounded."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import pytest

from convoy_services.rpc import stream
from convoy_services.rpc.stream import Stream, Streams
from tests.unit.mesh.virtual_time import simulate


class Writer:
    """A client that writes without end; each message is a call of one second."""

    def __init__(self) -> None:
        self.read = 0

    async def messages(self) -> AsyncIterator[bytes]:
        for n in count():
            self.read += 1
            yield str(n).encode()
            await asyncio.sleep(0)

    async def take(self, raw: bytes, calls: Stream[bytes]) -> None:
        await calls.begin(self._answer, calls, raw)

    async def _answer(self, calls: Stream[bytes], raw: bytes) -> None:
        await asyncio.sleep(1.0)
        await calls.reply(raw)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MOST_OPEN", 4)


def test_a_writer_that_is_faster_than_its_calls_is_held_back() -> None:
    async def scenario() -> list[int]:
        writer, streams = Writer(), Streams()
        replies = streams.run(writer.messages(), writer.take)
        read = []
        async for _ in replies:
            read.append(writer.read)
            if len(read) == 3:
                break
        await replies.aclose()  # type: ignore[attr-defined]
        return read

    assert simulate(scenario()) == [5, 9, 13]


def test_a_writer_that_does_not_read_is_held_back() -> None:
    """Replies that nobody read once piled up without end: their calls made room for others."""

    async def scenario() -> tuple[int, int]:
        writer, streams = Writer(), Streams()
        replies = streams.run(writer.messages(), writer.take)
        first = len(await anext(replies))
        await asyncio.sleep(600.0)
        read = writer.read
        await replies.aclose()  # type: ignore[attr-defined]
        return first, read

    first, read = simulate(scenario())
    assert first == 4
    assert read == 13  # four were answered, four answers and four calls wait, one has no room


def test_a_stream_that_is_left_is_forgotten() -> None:
    async def scenario() -> int:
        writer, streams = Writer(), Streams()
        replies = streams.run(writer.messages(), writer.take)
        await anext(replies)
        await replies.aclose()  # type: ignore[attr-defined]
        await asyncio.sleep(1.0)
        return len(streams)

    assert simulate(scenario()) == 0

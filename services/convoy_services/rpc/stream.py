"""Bidirectional streams: many calls on one, answered as each completes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Generic, Protocol, TypeVar, TypeVarTuple

from convoy import ConvoyError

MOST_OPEN = 4096
"""Calls of one stream that may be open, and replies that may wait to be read. With more, no
further message is read: a client that writes faster than it reads is held back."""

R = TypeVar("R")
Args = TypeVarTuple("Args")


class Take(Protocol[R]):
    """Reads the messages of one stream."""

    async def __call__(self, raw: bytes, stream: "Stream[R]", /) -> None:
        """Begin what a message asks for.

        A ConvoyError ends the stream with it, once what has begun is answered.
        """
        ...


class Streams:
    """The open streams of one method on one server."""

    def __init__(
        self,
        cut_short: Callable[[], ConvoyError | None] = lambda: None,
        *,
        patience: float = 0.0,
    ) -> None:
        """End streams that a drain cuts short with the error made by ``cut_short``, or with OK.

        With ``patience`` their clients are told before, by an empty list of replies, and have so
        many seconds to close their sending side.
        """
        self._cut_short = cut_short
        self._patience = patience
        self._open: set[Stream[Any]] = set()
        self._draining = False

    def __len__(self) -> int:
        """Count them."""
        return len(self._open)

    def drain(self) -> None:
        """Read no more; streams end when the calls that have begun are answered."""
        self._draining = True
        for stream in self._open:
            stream.leave(self._cut_short(), self._patience)

    async def run(self, requests: AsyncIterator[bytes], take: Take[R]) -> AsyncIterator[list[R]]:
        """Give the replies of one stream, those that are ready together as one list."""
        stream = Stream(requests, take)
        self._open.add(stream)
        if self._draining:
            stream.leave(self._cut_short(), self._patience)
        try:
            async for replies in stream.replies():
                yield replies
        finally:
            self._open.discard(stream)
            stream.cancel()


class Stream(Generic[R]):
    """One stream: a task that reads it, a task for each call, and a queue of replies."""

    def __init__(self, requests: AsyncIterator[bytes], take: Take[R]) -> None:
        """Start reading."""
        self._replies: asyncio.Queue[R | None] = asyncio.Queue(MOST_OPEN)
        self._calls: dict[asyncio.Task[None], None] = {}
        self._room = asyncio.Semaphore(MOST_OPEN)
        self._error: ConvoyError | None = None
        self._farewell = False
        self._reader = asyncio.create_task(self._read(requests, take))
        self._reader.add_done_callback(self._wake_if_idle)

    async def begin(
        self, answer: Callable[[*Args], Coroutine[Any, Any, None]], *args: *Args
    ) -> asyncio.Task[None]:
        """Run a call beside the others, as soon as there is room for it."""
        await self._room.acquire()
        task = asyncio.create_task(answer(*args))
        self._calls[task] = None
        task.add_done_callback(self._finish)
        return task

    async def reply(self, reply: R) -> None:
        """Send a reply; waits while too many are unread."""
        await self._replies.put(reply)

    async def replies(self) -> AsyncIterator[list[R]]:
        """Give what is ready, until nothing more can come; raises what ended the stream early."""
        while True:
            replies = [await self._replies.get()]
            while not self._replies.empty():
                replies.append(self._replies.get_nowait())
            if ready := [reply for reply in replies if reply is not None]:
                yield ready
            if self._farewell:
                self._farewell = False
                yield []
            if self._idle and self._replies.empty():
                break
        if self._error:
            raise self._error

    def leave(self, error: ConvoyError | None, patience: float) -> None:
        """Stop reading, after ``patience`` seconds of which an empty list of replies tells."""
        if not patience:
            self._stop_reading(error)
            return
        self._farewell = True
        if self._replies.empty():
            self._replies.put_nowait(None)
        asyncio.get_running_loop().call_later(patience, self._stop_reading, error)

    def _stop_reading(self, error: ConvoyError | None) -> None:
        """End the stream once what has begun is answered, with an error if there is one."""
        if not self._reader.done():
            self._error = error
            self._reader.cancel()

    def cancel(self) -> None:
        """Give up on everything."""
        self._reader.cancel()
        for task in self._calls:
            task.cancel()

    @property
    def _idle(self) -> bool:
        return self._reader.done() and not self._calls

    async def _read(self, requests: AsyncIterator[bytes], take: Take[R]) -> None:
        try:
            async for raw in requests:
                await take(raw, self)
        except ConvoyError as error:
            self._error = error

    def _finish(self, task: asyncio.Task[None]) -> None:
        del self._calls[task]
        self._room.release()
        self._wake_if_idle()

    def _wake_if_idle(self, _: object = None) -> None:
        if self._idle and self._replies.empty():
            self._replies.put_nowait(None)

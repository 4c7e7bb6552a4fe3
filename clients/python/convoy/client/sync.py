"""The client for programs that are not async: a bridge to an event loop in a thread."""

import asyncio
import concurrent.futures
import functools
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from convoy.client.channels import closed
from convoy.client.client import Client
from convoy.errors import ConvoyError

P = ParamSpec("P")
T = TypeVar("T")

JOIN = 5.0
"""Seconds that the thread has to end in."""


def _call(
    method: Callable[Concatenate[Client, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["SyncClient", P], T]:
    """Turn a coroutine method of the client into a method that blocks."""

    def call(self: "SyncClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._wait(lambda client: method(client, *args, **kwargs))

    functools.update_wrapper(call, method)
    return call


def _iterate(
    method: Callable[Concatenate[Client, P], AsyncGenerator[T, None]],
) -> Callable[Concatenate["SyncClient", P], Iterator[T]]:
    """Turn an async generator method of the client into a generator."""

    def iterate(self: "SyncClient", /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        items = method(self._client, *args, **kwargs)

        async def following(_: Client) -> tuple[T] | None:
            async for item in items:
                return (item,)
            return None

        async def ending(_: Client) -> None:
            await items.aclose()

        try:
            while (item := self._wait(following)) is not None:
                yield item[0]
        finally:
            # Not waited for: the garbage collector may be what runs this, and on the loop itself.
            with suppress(ConvoyError, RuntimeError):
                self._begin(ending)

    functools.update_wrapper(iterate, method)
    return iterate


class SyncClient:
    """A Client whose methods block: ``with SyncClient("localhost:9000") as client: ...``.

    It takes what Client takes, and has its methods with the same arguments. Any number of threads
    may call it at once. Not for code that runs on an event loop: it would block that loop.

    Neither its thread nor gRPC survives a fork: make the client after it (in a server's
    ``post_fork`` hook, or with the ``spawn`` method of multiprocessing). In the child of a fork,
    the parent's client raises RuntimeError.
    """

    run = _call(Client.run)
    stream = _iterate(Client.stream)
    embed = _call(Client.embed)
    generate = _call(Client.generate)
    generate_stream = _iterate(Client.generate_stream)
    chat = _call(Client.chat)
    chat_stream = _iterate(Client.chat_stream)
    caption = _call(Client.caption)
    caption_stream = _iterate(Client.caption_stream)
    pipelines = _call(Client.pipelines)
    describe = _call(Client.describe)
    unary = _call(Client.unary)

    def __init__(self, target: str, **options: Any) -> None:
        """Call the mesh at ``target``; ``options`` are those of Client."""
        self._client = Client(target, **options)
        self._lock = threading.RLock()  # the garbage collector may come back to it
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(
            target=_serve, args=(self._loop, self._client, self._stop), name="convoy", daemon=True
        )
        self._thread.start()
        # Also where the client is dropped without being closed, and at the interpreter's exit.
        self._end = weakref.finalize(self, _end, self._loop, self._stop, self._thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; calls under way in other threads raise ConvoyError CANCELLED."""
        with self._lock:
            self._closed = True
        self._end()

    def _wait(self, work: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine on the loop and give its result; an interrupt cancels it."""
        future = self._begin(work)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise closed() from None
        except BaseException:
            future.cancel()
            raise

    def _begin(
        self, work: Callable[[Client], Coroutine[Any, Any, T]]
    ) -> concurrent.futures.Future[T]:
        with self._lock:  # what is handed over before the end is run or cancelled, never forgotten
            if self._closed:
                raise closed()
            if not self._thread.is_alive():
                raise RuntimeError("the client was made before a fork; make one after it")
            return asyncio.run_coroutine_threadsafe(work(self._client), self._loop)


def _serve(loop: asyncio.AbstractEventLoop, client: Client, stop: asyncio.Event) -> None:
    async def serve() -> None:
        async with client:
            await stop.wait()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:  # cancels what is left
        runner.run(serve())


def _end(loop: asyncio.AbstractEventLoop, stop: asyncio.Event, thread: threading.Thread) -> None:
    if thread.is_alive():
        loop.call_soon_threadsafe(stop.set)
        if thread is not threading.current_thread():
            thread.join(JOIN)

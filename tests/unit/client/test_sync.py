"""The bridge for callers that are not async. The fake mesh runs on the test's own loop."""

import asyncio
import inspect
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from convoy import Client, Code, ConvoyError, SyncClient
from convoy.v1 import pipeline_pb2 as pb
from tests.unit.client.fake import TIMEOUT, Echo, Pipelines, Waits, abort, part, serving, texts


def public(cls: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(cls, callable) if name[0] != "_"}


def test_it_has_every_method_of_the_client_with_its_arguments() -> None:
    assert public(SyncClient) == public(Client)
    for name in public(Client) - {"close"}:
        assert inspect.signature(getattr(SyncClient, name)) == inspect.signature(
            getattr(Client, name)
        )


async def test_methods_block_and_streams_iterate() -> None:
    def use(target: str) -> None:
        with SyncClient(target, timeout=TIMEOUT) as client:
            assert client.run("echo", {"text": ["a"]})["text"].strings() == ["a"]
            assert client.pipelines() == ["echo"]
            parts = client.stream("echo", {"text": ["a", "b"]})
            assert [row for row, _ in parts] == [0, 1]

    async with serving(Echo()) as target:
        await asyncio.to_thread(use, target)


async def test_errors_are_raised_in_the_calling_thread() -> None:
    def use(target: str) -> None:
        with SyncClient(target, timeout=TIMEOUT) as client:
            with pytest.raises(ConvoyError, match="a fault"):
                client.pipelines()
            with pytest.raises(ValueError, match="every call has a deadline"):
                client.pipelines(timeout=0)

    async with serving(Echo(ConvoyError(Code.INTERNAL, "a fault"))) as target:
        await asyncio.to_thread(use, target)


async def test_many_threads_may_call_at_once() -> None:
    def use(target: str) -> list[str]:
        with (
            SyncClient(target, timeout=TIMEOUT) as client,
            ThreadPoolExecutor(16) as threads,
        ):
            results = threads.map(lambda n: client.run("echo", texts(str(n))), range(200))
            return [result["text"].strings()[0] for result in results]

    async with serving(Echo()) as target:
        assert await asyncio.to_thread(use, target) == [str(n) for n in range(200)]


async def test_closing_ends_the_calls_of_other_threads() -> None:
    waits = Waits()
    async with serving(waits) as target, asyncio.timeout(TIMEOUT):
        client = SyncClient(target)
        call = asyncio.create_task(asyncio.to_thread(client.pipelines))
        await waits.begun.wait()
        await asyncio.to_thread(client.close)
        with pytest.raises(ConvoyError, match="the client is closed"):
            await call
        assert not any(thread.name == "convoy" for thread in threading.enumerate())
        with pytest.raises(ConvoyError, match="the client is closed"):
            client.pipelines()
        client.close()


async def test_closing_ends_a_call_that_waits_to_be_tried_again() -> None:
    class Busy(Pipelines):  # type: ignore[misc]
        begun = asyncio.Event()

        async def List(self, request: pb.ListRequest, context: Any) -> pb.ListResponse:
            self.begun.set()
            await abort(context, ConvoyError(Code.UNAVAILABLE, "later", retry_after=TIMEOUT))

    async with serving(Busy()) as target, asyncio.timeout(TIMEOUT):
        client = SyncClient(target, timeout=3 * TIMEOUT)
        call = asyncio.create_task(asyncio.to_thread(client.pipelines))
        await Busy.begun.wait()
        await asyncio.to_thread(client.close)
        with pytest.raises(ConvoyError, match="the client is closed"):
            await call


async def test_leaving_a_stream_cancels_it() -> None:
    class Endless(Pipelines):  # type: ignore[misc]
        def __init__(self) -> None:
            self.ended = asyncio.Event()

        async def RunStream(
            self, request: pb.RunStreamRequest, context: Any
        ) -> AsyncIterator[pb.RunStreamResponse]:
            try:
                while True:
                    yield part(0, texts("a"))
            finally:
                self.ended.set()

    def use(client: SyncClient) -> None:
        for _ in client.stream("echo", texts("a")):
            break

    endless = Endless()
    async with serving(endless) as target, asyncio.timeout(TIMEOUT):
        client = SyncClient(target)
        await asyncio.to_thread(use, client)
        await endless.ended.wait()
        await asyncio.to_thread(client.close)


def test_a_client_that_is_dropped_ends_its_thread() -> None:
    client = SyncClient("127.0.0.1:1")
    thread = client._thread
    del client
    thread.join(TIMEOUT)
    assert not thread.is_alive()


CHILD = """
import os, sys
from convoy import ConvoyError, SyncClient

client = SyncClient("127.0.0.1:1", timeout=0.2)
try:
    client.pipelines()
except ConvoyError as error:
    print(error.code.name)
sys.stdout.flush()
child = os.fork()
if child == 0:
    try:
        client.pipelines()
    except RuntimeError as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(child, 0)
print("end")
"""


def test_a_fork_is_told_and_an_open_client_holds_up_no_exit() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=30, check=True
    )
    code, fork, end = done.stdout.splitlines()
    assert code in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
    assert (fork, end) == ("the client was made before a fork; make one after it", "end")

"""A client that goes ends its request, and nothing else does."""

import asyncio

import pytest
from starlette.types import Receive, Scope, Send

from convoy_gateway.edge.leaving import Leaving
from convoy_gateway.settings import Settings
from tests.unit.gateway.edge.served import (
    DEADLINE,
    answer,
    echo,
    errors,
    read_response,
    served,
    until,
    within,
)

POST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"


class Working:
    """Reads the body, and works until it is cancelled."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        self.begun.set()
        try:
            await asyncio.sleep(DEADLINE * 2)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


async def test_the_app_is_cancelled_when_the_client_goes(caplog: pytest.LogCaptureFixture) -> None:
    app = Working()
    async with served(Leaving(app), Settings()) as edge:
        async with edge.connect() as (_, writer):
            writer.write(POST)
            await within(app.begun.wait())
        await within(app.cancelled.wait())
        await edge.all_gone()
    assert errors(caplog.records) == []


async def test_requests_are_answered_and_leave_nothing() -> None:
    async with served(Leaving(echo), Settings()) as edge, edge.connect() as (reader, writer):
        for _ in range(3):
            writer.write(POST)
            assert await read_response(reader) == (200, b"abc")
        await until(lambda: not edge.server.server_state.tasks)


async def test_what_an_app_does_after_its_answer_is_not_cancelled() -> None:
    done = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await answer(send, b"first")
        assert (await receive())["type"] == "http.disconnect"
        await asyncio.sleep(0.05)
        done.set()

    async with served(Leaving(app), Settings()) as edge:
        async with edge.connect() as (reader, writer):
            writer.write(POST)
            assert await read_response(reader) == (200, b"first")
        await within(done.wait())


async def test_an_app_that_waits_for_the_client_itself_is_told() -> None:
    told = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        waiting = asyncio.ensure_future(receive())
        try:
            await asyncio.sleep(DEADLINE * 2)
        finally:
            told.append(await waiting)

    async with served(Leaving(app), Settings()) as edge:
        async with edge.connect() as (_, writer):
            writer.write(POST)
            await until(lambda: len(edge.server.server_state.tasks) == 1)
        await edge.all_gone()
    assert told == [{"type": "http.disconnect"}]


async def test_a_cancellation_from_outside_passes() -> None:
    app = Working()
    never = asyncio.Event()
    messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, object]:
        for message in messages:
            return message
        await never.wait()
        raise AssertionError

    async def send(message: object) -> None:
        raise AssertionError

    task = asyncio.create_task(Leaving(app)({"type": "http"}, receive, send))
    await within(app.begun.wait())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await within(task)
    assert app.cancelled.is_set()
    await until(lambda: asyncio.all_tasks() == {asyncio.current_task()})


async def test_an_error_of_the_app_passes() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await Leaving(app)({"type": "http"}, None, None)  # type: ignore[arg-type]

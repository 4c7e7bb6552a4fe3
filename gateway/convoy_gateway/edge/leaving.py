"""Nobody works for a client that has gone."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

UNWATCHED = 0.05
"""Seconds from a request's end in which nobody looks: most are answered by then, and a task to
look costs as much as a good part of the answer."""


class Leaving:
    """Cancels the app when its client goes after it sent its whole body, and before the answer.

    For apps that do not look themselves. One that never reads the body is not cancelled.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app, as long as there is a client."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        before = task.cancelling()
        start: asyncio.TimerHandle | None = None
        watch: asyncio.Task[Message] | None = None
        answered = left = False

        async def wait_for_leaving() -> Message:
            nonlocal left
            message = await receive()
            if not answered:
                left = True
                task.cancel()
            return message

        def begin() -> asyncio.Task[Message]:
            nonlocal watch
            watch = watch or loop.create_task(wait_for_leaving())
            return watch

        async def watched_receive() -> Message:
            nonlocal start
            if start is not None:
                return await asyncio.shield(begin())
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                start = loop.call_later(UNWATCHED, begin)
            return message

        async def watched_send(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                answered = True
            await send(message)

        try:
            await self._app(scope, watched_receive, watched_send)
        except asyncio.CancelledError:
            if not left or task.cancelling() - 1 > before:  # someone else's too
                raise
        finally:
            if left:
                task.uncancel()
            if start is not None:
                start.cancel()
            if watch is not None:
                watch.cancel()
        return None

"""The time that a request's body may take to arrive."""

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from convoy import Code, ConvoyError


def body_timed_out() -> ConvoyError:
    """Give the error of a body that did not arrive in time."""
    return ConvoyError(
        Code.DEADLINE_EXCEEDED, "the request's body took too long to arrive", "BODY_TIMEOUT"
    )


class Timely:
    """Raises in the app's ``receive`` when a body is not whole in time.

    ``body_timeout`` seconds after its headers, that is. ``timed_out`` makes what is raised; let
    it be something that the app answers.

    The answer's way out has its bound in the guard: the last write of an answer does not wait
    for its reader, so that no middleware could tell that there is none.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        body_timeout: float,
        timed_out: Callable[[], Exception] = body_timed_out,
    ) -> None:
        self._app = app
        self._timeout = body_timeout
        self._timed_out = timed_out

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout
        whole = late = False

        def expire(task: asyncio.Task[object]) -> None:
            nonlocal late
            late = True
            task.cancel()

        async def timely() -> Message:
            nonlocal whole, late
            if whole:
                return await receive()
            late = False
            # asyncio.timeout in a few lines: it would cost four times as much, at every request.
            task = _this_task()
            before = task.cancelling()
            timer = loop.call_at(deadline, expire, task)
            try:
                message = await receive()
            except asyncio.CancelledError:
                if late and task.uncancel() <= before:
                    raise self._timed_out() from None
                raise
            finally:
                timer.cancel()
            whole = not message.get("more_body", False)
            return message

        return await self._app(scope, timely, send)


def _this_task() -> asyncio.Task[object]:
    task = asyncio.current_task()
    assert task is not None
    return task

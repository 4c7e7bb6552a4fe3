"""The one way that all calls of a client take: deadline, retries and errors are here."""

import asyncio
import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from convoy.client.channels import Channels
from convoy.client.retry import Retrier
from convoy.client.rpc_error import translated
from convoy.timing import KEY, Timing

M = TypeVar("M", bound=Message)

Metadata = Mapping[str, str | bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a call carries beside its message."""

    deadline: float
    """Seconds on the event loop's clock."""
    metadata: Sequence[tuple[str, str | bytes]] = ()
    timing: Timing | None = None
    """Filled in with where the time went."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Calls methods of a mesh by their full names, as in ``/convoy.v1.PipelineService/Run``."""

    channels: Channels
    retrier: Retrier
    timeout: float
    """Seconds that a call may take unless it names its own."""
    metadata: Metadata = field(default_factory=dict)
    """What every call carries."""

    def __post_init__(self) -> None:
        """Raise ValueError for a timeout that is none."""
        _check(self.timeout)

    def terms(
        self,
        timeout: float | None,
        priority: int | None,
        metadata: Metadata | None,
        timing: Timing | None = None,
    ) -> Terms:
        """Begin a call: its time runs from now on. Raises ValueError for a wrong timeout."""
        seconds = self.timeout if timeout is None else _check(timeout)
        carried = {**self.metadata, **(metadata or {})}
        if priority is not None:
            carried["convoy-priority"] = str(int(priority))
        if timing is not None:
            carried[KEY] = "1"
        return Terms(
            deadline=asyncio.get_running_loop().time() + seconds,
            metadata=[(key.lower(), value) for key, value in carried.items()],
            timing=timing,
        )

    async def unary(self, method: str, request: Message, response: type[M], terms: Terms) -> M:
        """Give the reply; raises ConvoyError. Cancelling the task cancels the call."""
        data = request.SerializeToString()  # once, however often it is sent

        async def attempt(remaining: float) -> M:
            with translated(), self.channels.turn() as channel:
                call: Any = channel.unary_unary(method, response_deserializer=response.FromString)
                answer = call(data, timeout=remaining, metadata=terms.metadata)
                try:
                    reply: M = await answer
                    return reply
                finally:
                    await _told(answer, terms.timing)

        return await self.retrier.call(attempt, terms.deadline)

    async def stream(
        self, method: str, request: Message, response: type[M], terms: Terms
    ) -> AsyncGenerator[M, None]:
        """Give the replies; raises ConvoyError. Only until the first of them it is retried."""
        data = request.SerializeToString()

        async def attempt(remaining: float) -> tuple[Any, M | None]:
            with translated(), self.channels.turn() as channel:
                begin: Any = channel.unary_stream(method, response_deserializer=response.FromString)
                call = begin(data, timeout=remaining, metadata=terms.metadata)
                return call, _reply(await call.read())

        call, reply = await self.retrier.call(attempt, terms.deadline)
        try:
            while reply is not None:
                yield reply
                reply = await _read(call)
            await _told(call, terms.timing)
        finally:
            call.cancel()


async def _read(call: Any) -> Any:
    with translated():
        return _reply(await call.read())


def _reply(read: Any) -> Any:
    return None if read is grpc.aio.EOF else read


async def _told(call: Any, timing: Timing | None) -> None:
    """Take the timing of a call that has ended."""
    if timing is not None and call.done():
        timing.read(await call.trailing_metadata())


def _check(timeout: float) -> float:
    if not (timeout > 0 and math.isfinite(timeout)):
        raise ValueError("a timeout is a number of seconds above 0: every call has a deadline")
    return timeout

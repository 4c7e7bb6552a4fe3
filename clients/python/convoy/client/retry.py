"""When a call that failed is sent again. Knows no transport: an attempt is a function."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from convoy.code import Code
from convoy.errors import ConvoyError

T = TypeVar("T")


def passes(error: ConvoyError) -> bool:
    """Whether another try may succeed: there was nobody to compute, or no room for now.

    What has no room at all, such as too large a message, has no RetryInfo. Every unary method may
    be sent again: none changes the mesh.
    """
    full = error.code is Code.RESOURCE_EXHAUSTED and error.retry_after is not None
    return full or error.code is Code.UNAVAILABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How a client retries.

    Before a retry it waits a random time, from none to a bound that doubles: "full jitter" of
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/. A RetryInfo in the
    answer is waited for first. How many retries there may be is a token bucket that all calls of
    the client share, as in gRPC's retry throttling
    (https://github.com/grpc/proposal/blob/master/A6-client-retries.md): a mesh that is down
    gets little more than the calls themselves.
    """

    first: float = 0.1
    """The longest wait before the first retry of a call, in seconds."""
    longest: float = 5.0
    """What that bound doubles up to, in seconds."""
    burst: int = 100
    """Tokens at the start and at most; a retry takes one. 0 means no retries at all."""
    per_success: float = 0.1
    """Tokens that a call earns by succeeding."""

    def __post_init__(self) -> None:
        """Raise ValueError for what makes no sense."""
        if not 0 <= self.first <= self.longest:
            raise ValueError("first and longest are seconds: 0 <= first <= longest")
        if self.burst < 0 or self.per_success < 0:
            raise ValueError("burst and per_success are tokens, 0 or more")


class Budget:
    """The retries that are left to a client."""

    def __init__(self, retry: Retry) -> None:
        self._retry = retry
        self._tokens: float = retry.burst

    def earn(self) -> None:
        """Count a success."""
        # Rounded: ten tenths shall be one.
        tokens = round(self._tokens + self._retry.per_success, 6)
        self._tokens = min(self._retry.burst, tokens)

    def spend(self) -> bool:
        """Take a token if there is one."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Retrier:
    """Sends calls until they succeed, or it is no use."""

    def __init__(
        self, retry: Retry, uniform: Callable[[float, float], float] = random.uniform
    ) -> None:
        """Retry as ``retry`` says; ``uniform(a, b)`` gives a random number between the two."""
        self._retry = retry
        self._budget = Budget(retry)
        self._uniform = uniform

    async def call(self, attempt: Callable[[float], Awaitable[T]], deadline: float) -> T:
        """Give what ``attempt(seconds that remain)`` gives, ``deadline`` on the loop's clock.

        Raises the last attempt's ConvoyError when it is none to retry, when the wait would reach
        the deadline or when the budget is spent; DEADLINE_EXCEEDED where no time is left.
        """
        loop = asyncio.get_running_loop()
        bound = self._retry.first
        failed: ConvoyError | None = None
        while (remaining := deadline - loop.time()) > 0:
            try:
                result = await attempt(remaining)
            except ConvoyError as error:
                wait = max(error.retry_after or 0.0, 0.0) + self._uniform(0.0, bound)
                in_time = loop.time() + wait < deadline
                if not passes(error) or not in_time or not self._budget.spend():
                    raise
                failed = error
            else:
                self._budget.earn()
                return result
            await asyncio.sleep(wait)
            bound = min(2 * bound, self._retry.longest)
        raise ConvoyError(Code.DEADLINE_EXCEEDED, "no time is left for the call") from failed

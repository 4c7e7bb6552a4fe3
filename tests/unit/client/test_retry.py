"""Retries in virtual time, without a transport."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convoy import Code, ConvoyError
from convoy.client.retry import Retrier, Retry
from tests.unit.mesh.virtual_time import simulate

BUSY = ConvoyError(Code.UNAVAILABLE, "busy")


def longest(_: float, bound: float) -> float:
    return bound


def shortest(bound: float, _: float) -> float:
    return bound


class Script:
    """Attempts that fail as told, and succeed when nothing more is told."""

    def __init__(self, failures: Iterable[ConvoyError | None], takes: float = 0.0) -> None:
        self.failures = list(failures)
        self.takes = takes
        self.at: list[float] = []
        self.remaining: list[float] = []

    async def __call__(self, remaining: float) -> str:
        self.at.append(asyncio.get_running_loop().time())
        self.remaining.append(remaining)
        await asyncio.sleep(self.takes)
        if self.failures and (failure := self.failures.pop(0)):
            raise failure
        return "done"


@pytest.mark.parametrize(
    "error", [BUSY, ConvoyError(Code.RESOURCE_EXHAUSTED, "full", retry_after=0.1)], ids=str
)
def test_what_may_pass_is_tried_again(error: ConvoyError) -> None:
    script = Script([error] * 3)
    assert simulate(Retrier(Retry()).call(script, 30)) == "done"
    assert len(script.at) == 4


@pytest.mark.parametrize("code", sorted(set(Code) - {Code.OK, Code.UNAVAILABLE}))
def test_what_will_not_pass_is_raised_at_once(code: Code) -> None:
    """Too large a message was once sent again until the deadline: RESOURCE_EXHAUSTED."""
    script = Script([ConvoyError(code, "no")])
    with pytest.raises(ConvoyError) as caught:
        simulate(Retrier(Retry()).call(script, 30))
    assert (caught.value.code, len(script.at)) == (code, 1)


def test_the_bound_of_the_wait_doubles_up_to_the_longest() -> None:
    script = Script([BUSY] * 6)
    simulate(Retrier(Retry(first=1, longest=8), longest).call(script, 100))
    assert script.at == [0, 1, 3, 7, 15, 23, 31]


def test_retry_info_is_the_least_wait_and_jitter_comes_on_top() -> None:
    busy = ConvoyError(Code.RESOURCE_EXHAUSTED, "full", retry_after=2.0)
    eager, patient = Script([busy]), Script([busy])
    simulate(Retrier(Retry(first=1), shortest).call(eager, 30))
    simulate(Retrier(Retry(first=1), longest).call(patient, 30))
    assert (eager.at, patient.at) == ([0, 2], [0, 3])


def test_a_wait_that_would_reach_the_deadline_is_not_begun() -> None:
    script = Script([ConvoyError(Code.UNAVAILABLE, "busy", retry_after=30.0)])

    async def scenario() -> float:
        with pytest.raises(ConvoyError) as caught:
            await Retrier(Retry()).call(script, 30)
        assert caught.value.code is Code.UNAVAILABLE
        return asyncio.get_running_loop().time()

    assert simulate(scenario()) == 0


def test_each_attempt_gets_what_remains() -> None:
    script = Script([BUSY] * 2, takes=4)
    simulate(Retrier(Retry(first=1, longest=2), longest).call(script, 30))
    assert script.remaining == [30, 25, 19]


def test_without_time_nothing_is_sent() -> None:
    script = Script([])
    with pytest.raises(ConvoyError) as caught:
        simulate(Retrier(Retry()).call(script, 0))
    assert (caught.value.code, script.at) == (Code.DEADLINE_EXCEEDED, [])


def test_no_burst_means_no_retries() -> None:
    script = Script([BUSY])
    with pytest.raises(ConvoyError, match="busy"):
        simulate(Retrier(Retry(burst=0, per_success=1)).call(script, 30))
    assert len(script.at) == 1


def test_a_mesh_that_is_down_gets_the_calls_and_the_burst_only() -> None:
    """1,000 calls at once, each with time for many retries."""
    script = Script([BUSY] * 10_000)
    retrier = Retrier(Retry(burst=10))

    async def scenario() -> None:
        calls = (retrier.call(script, 30) for _ in range(1000))
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(result, ConvoyError) for result in results)

    simulate(scenario())
    assert len(script.at) == 1010


def test_ten_successes_earn_one_retry() -> None:
    retrier = Retrier(Retry(burst=1))

    async def scenario() -> None:
        await retrier.call(Script([BUSY]), 30)
        for _ in range(8):  # with the success of the call above, nine
            await retrier.call(Script([]), 30)
        with pytest.raises(ConvoyError):
            await retrier.call(Script([BUSY]), 30)
        await retrier.call(Script([]), 30)
        await retrier.call(Script([BUSY]), 30)

    simulate(scenario())


def test_cancelling_ends_the_wait() -> None:
    script = Script([BUSY] * 9)

    async def scenario() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5):
                await Retrier(Retry(first=1, longest=1), longest).call(script, 30)

    simulate(scenario())
    assert script.at == [0, 1, 2]


@given(
    calls=st.lists(st.lists(st.sampled_from([None, BUSY]), max_size=20), max_size=30),
    burst=st.integers(0, 5),
    per_success=st.sampled_from([0.0, 0.1, 0.5]),
    timeout=st.floats(0.1, 60),
)
def test_retries_stay_within_the_budget_and_the_deadline(
    calls: list[list[ConvoyError | None]], burst: int, per_success: float, timeout: float
) -> None:
    retrier = Retrier(Retry(burst=burst, per_success=per_success))
    attempts = successes = 0

    async def scenario() -> None:
        nonlocal attempts, successes
        loop = asyncio.get_running_loop()
        for failures in calls:
            script, deadline = Script(failures), loop.time() + timeout
            with suppress(ConvoyError):
                await retrier.call(script, deadline)
                successes += 1
            attempts += len(script.at)
            assert loop.time() <= deadline
            assert all(at < deadline for at in script.at)

    simulate(scenario())
    assert attempts - len(calls) <= burst + per_success * successes


@pytest.mark.parametrize(
    "wrong", [{"first": -1}, {"first": 9}, {"burst": -1}, {"per_success": -0.1}]
)
def test_settings_without_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r" (seconds|tokens)"):
        Retry(**wrong)  # type: ignore[arg-type]

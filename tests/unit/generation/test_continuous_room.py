"""Sequences wait for room in the cache, and give it back when they are cancelled."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from convoy import Code, ConvoyError
from convoy_services.generation.engines.engine import Finish, StepOutput
from tests.unit.generation.driver import Driver, running

BLOCK = 32
BLOCKS = 8
"""A cache that holds 256 tokens."""


@pytest.fixture(scope="module")
def shared(causal_model: Path) -> Iterator[Driver]:
    with running(causal_model, cache_tokens=BLOCK * BLOCKS, batch_tokens=16, max_waiting=2) as one:
        yield one


@pytest.fixture
def driver(shared: Driver) -> Iterator[Driver]:
    yield shared
    shared.then = lambda _: None
    assert not shared.engine.stats().running
    shared.steps.clear()


def clock(driver: Driver) -> int:
    """Submit a sequence that takes two blocks; each of its tokens is a step."""
    return driver.submit([5], max_tokens=2 * BLOCK - 1, ignore_eos=True)


@pytest.mark.parametrize(("prompt", "generated"), [(15, True), (150, False)])
def test_a_cancelled_sequence_frees_its_cache_within_a_step(
    driver: Driver, prompt: int, *, generated: bool
) -> None:
    """Also one whose prompt is half read, which takes ten steps of 15 tokens.

    All happens in the engine's thread, at steps of another sequence.
    """
    goes: list[int] = []
    free: list[int] = []
    after: list[int] = []

    def then(_: Sequence[StepOutput]) -> None:
        free.append(driver.engine._batches.free_blocks)
        if not goes:
            goes.append(driver.submit([6] * prompt, max_tokens=36, ignore_eos=True))
        elif not after and free[-1] <= BLOCKS - 4:  # the other one has two at most
            driver.engine.cancel(goes[0])
            after.append(len(free))

    driver.then = then
    driver.end(clock(driver))
    assert free[after[0]] >= BLOCKS - 2
    assert bool(driver.outputs(goes[0])) == generated


def test_nothing_of_a_cancelled_sequence_follows(driver: Driver) -> None:
    with driver.held():
        keeps = clock(driver)
        goes = driver.submit([7], max_tokens=100, ignore_eos=True)

    def then(_: Sequence[StepOutput]) -> None:
        if len(driver.outputs(goes)) == 3:
            driver.engine.cancel(goes)

    driver.then = then
    driver.end(keeps)
    assert len(driver.outputs(goes)) == 3


def test_a_sequence_may_be_cancelled_while_it_waits(driver: Driver) -> None:
    with driver.held():
        keeps = clock(driver)
        waits = driver.submit([7] * 100, max_tokens=156)
        assert driver.engine.stats().waiting == 1
        driver.engine.cancel(waits)
        assert driver.engine.stats().waiting == 0
    driver.end(keeps)
    assert driver.outputs(waits) == []


def test_the_number_of_a_cancelled_sequence_may_be_used_again_at_once(driver: Driver) -> None:
    expected = driver.generate([9, 8, 7], max_tokens=6)
    driver.steps.clear()

    def then(_: Sequence[StepOutput]) -> None:
        driver.then = lambda _: None
        driver.engine.cancel(77)
        driver.submit([9, 8, 7], max_tokens=6, id=77)

    driver.then = then
    driver.submit([7], max_tokens=100, ignore_eos=True, id=77)
    driver.end(77)
    assert driver.tokens(77)[1:] == expected


def test_cancelling_what_is_not_there_is_passed_over(driver: Driver) -> None:
    driver.engine.cancel(987_654)


def test_one_waits_for_room_and_gets_its_turn(driver: Driver) -> None:
    with driver.held():
        first = driver.submit([5] * 10, max_tokens=200, ignore_eos=True)
        second = driver.submit([6] * 10, max_tokens=200, ignore_eos=True)
        stats = driver.engine.stats()
    assert (stats.running, stats.waiting, stats.blocks) == (1, 1, BLOCKS)
    assert stats.free_blocks == BLOCKS - 7
    assert driver.end(second).finish is Finish.LENGTH
    assert driver.end(second).queue_s > driver.end(first).queue_s
    ended = [one.id for outputs in driver.steps for one in outputs if one.finish]
    assert ended == [first, second]


def test_one_too_many_is_refused_and_may_come_again(driver: Driver) -> None:
    with driver.held():
        numbers = [driver.submit([5], max_tokens=200, ignore_eos=True) for _ in range(3)]
        with pytest.raises(ConvoyError) as caught:
            driver.submit([5], max_tokens=200, ignore_eos=True)
        assert caught.value.code is Code.RESOURCE_EXHAUSTED
        assert (caught.value.reason, caught.value.retry_after) == ("CACHE_FULL", 1.0)
        for number in numbers:
            driver.engine.cancel(number)
    assert len(driver.generate([5], max_tokens=3)) == 3


@pytest.mark.parametrize(
    ("prompt", "most", "field", "told"),
    [
        (256, 1, "input_ids", "the prompt has 256 tokens; at most 255 fit, with one more"),
        (200, 57, "max_tokens", "are 257; 256 fit, so at most 56"),
    ],
)
def test_what_could_never_fit_the_cache_is_refused(
    driver: Driver, prompt: int, most: int, field: str, told: str
) -> None:
    with pytest.raises(ConvoyError, match=told) as caught:
        driver.submit([5] * prompt, max_tokens=most)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.reason == "PROMPT_TOO_LONG"
    assert [violation.field for violation in caught.value.violations] == [field]


def test_what_fills_the_cache_to_the_last_token_is_done(driver: Driver) -> None:
    assert len(driver.generate([5] * 200, max_tokens=56, ignore_eos=True)) == 56


def test_what_exceeds_the_models_positions_is_refused(causal_model: Path) -> None:
    with running(causal_model, cache_tokens=4096) as roomy:
        with pytest.raises(ConvoyError, match="are 513; 512 fit, so at most 12"):
            roomy.submit([5] * 500, max_tokens=13)
        assert len(roomy.generate([5] * 500, max_tokens=12, ignore_eos=True)) == 12


@pytest.mark.parametrize("token", [-1, 2000])
def test_a_token_that_the_model_lacks_is_refused(driver: Driver, token: int) -> None:
    with pytest.raises(ConvoyError, match=f"token {token} is not one of the model's 2000"):
        driver.submit([5, token])


def test_a_full_cache_never_breaks_the_engine(causal_model: Path) -> None:
    """Reserved room is there when it is needed, whoever leaves in between."""
    rng = random.Random(0)
    with running(
        causal_model, cache_tokens=BLOCK * BLOCKS, batch_tokens=16, max_waiting=200
    ) as full:
        numbers = []
        for _ in range(40):
            most = rng.choice([3, 20, 60])
            numbers.append(full.submit([5] * rng.randint(1, 90), max_tokens=most, ignore_eos=True))
        cancelled = set(rng.sample(numbers, 12))
        for number in cancelled:
            full.engine.cancel(number)
        for number in set(numbers) - cancelled:
            assert full.end(number).finish is Finish.LENGTH
        full.engine.check()
        stats = full.engine.stats()
        assert (stats.running, stats.waiting, stats.free_blocks) == (0, 0, BLOCKS)

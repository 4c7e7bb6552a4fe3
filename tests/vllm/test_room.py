"""Who has room, who waits, who is refused; and how room is given back."""

from collections.abc import Sequence

import pytest

from convoy import Code, ConvoyError
from convoy_services.generation.engines.engine import Finish, StepOutput
from tests.vllm.driver import MARKS, VllmDriver

pytestmark = MARKS

LONG = {"max_tokens": 400, "ignore_eos": True}


def test_more_than_may_wait_are_refused_and_those_who_wait_get_room(driver: VllmDriver) -> None:
    numbers = [driver.submit([5 + n], **LONG) for n in range(16 + 4)]
    with pytest.raises(ConvoyError, match="4 sequences wait already") as caught:
        driver.submit([5])
    assert (caught.value.code, caught.value.reason) == (Code.RESOURCE_EXHAUSTED, "CACHE_FULL")
    assert caught.value.retry_after
    for number in numbers[:16]:
        driver.first(number)
    stats = driver.engine.stats()
    assert (stats.running, stats.waiting) == (16, 4)
    assert 0 < stats.free_blocks < stats.blocks
    for number in numbers[:4]:
        driver.engine.cancel(number)
    for number in numbers[16:]:
        driver.first(number)
    for number in numbers[4:]:
        driver.engine.cancel(number)
    stats = driver.engine.stats()
    assert (stats.running, stats.waiting, stats.free_blocks) == (0, 0, stats.blocks)


def test_a_cancelled_sequence_is_heard_of_no_more_and_its_company_goes_on(
    driver: VllmDriver,
) -> None:
    goes, stays = (driver.submit([5 + n], max_tokens=60, ignore_eos=True) for n in range(2))
    steps: list[int] = []

    def cancel_in_the_fifth(outputs: Sequence[StepOutput]) -> None:
        steps.extend(one.id for one in outputs if one.id == goes)
        if len(steps) == 5:
            driver.engine.cancel(goes)

    driver.then = cancel_in_the_fifth
    assert driver.end(stays).finish is Finish.LENGTH
    driver.then = lambda _: None
    assert len(steps) == 5
    assert len(driver.tokens(stays)) == 60


def test_a_cancel_right_after_the_submit_leaves_nothing_behind(driver: VllmDriver) -> None:
    for n in range(8):
        driver.engine.cancel(driver.submit([5 + n], **LONG))
    last = driver.submit([5], max_tokens=8, ignore_eos=True)
    assert driver.end(last).finish is Finish.LENGTH
    # What the scheduler itself told after the last step, with nobody left.
    assert driver.engine._scheduler.running == 0
    assert driver.engine._core._collectors == {}
    driver.engine.cancel(last)


def test_a_number_may_come_again(driver: VllmDriver) -> None:
    driver.submit([5], id=10**6, **LONG)
    driver.engine.cancel(10**6)
    before = len(driver.tokens(10**6))
    driver.submit([6], id=10**6, max_tokens=3, ignore_eos=True)
    assert driver.end(10**6).finish is Finish.LENGTH
    assert len(driver.tokens(10**6)) == before + 3

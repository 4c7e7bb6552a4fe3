"""An engine that dies or is stopped ends every sequence, never in silence."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest
from transformers.generation.continuous_batching.requests import RequestState

from convoy import Code, ConvoyError
from convoy_services.generation.engines.engine import StepOutput
from tests.unit.generation.driver import PATIENCE, Driver, running


@pytest.fixture
def driver(causal_model: Path) -> Iterator[Driver]:
    with running(causal_model, cache_tokens=256) as one:
        yield one


def kill(driver: Driver) -> None:
    """Let the model's next step fail."""

    def forward(**_: Any) -> NoReturn:
        raise RuntimeError("injected: secret")

    driver.engine._batches._manager.model.forward = forward


def unavailable(output: StepOutput) -> None:
    assert output.error is not None
    assert output.error.code is Code.UNAVAILABLE
    assert output.error.reason == "ENGINE_DIED"
    assert "secret" not in str(output.error)


def test_a_dead_engine_ends_those_that_run_and_those_that_wait(driver: Driver) -> None:
    driver.then = lambda _: kill(driver)
    with driver.held():
        numbers = [driver.submit([5], max_tokens=90, ignore_eos=True) for _ in range(3)]
        assert (driver.engine.stats().running, driver.engine.stats().waiting) == (2, 1)
    for number in numbers:
        unavailable(driver.end(number))
    assert driver.tokens(numbers[0])
    assert len(driver.steps[-1]) == 3


def test_a_dead_engine_takes_no_more_and_says_so(driver: Driver) -> None:
    driver.engine.check()
    kill(driver)
    unavailable(driver.end(driver.submit([5])))
    with pytest.raises(ConvoyError) as caught:
        driver.submit([5])
    assert caught.value.code is Code.UNAVAILABLE
    assert caught.value.reason == "ENGINE_DIED"
    with pytest.raises(RuntimeError, match="the engine has died") as died:
        driver.engine.check()
    assert str(died.value.__cause__) == "injected: secret"
    driver.engine.cancel(0)


def test_a_sequence_that_fails_alone_ends_without_the_cause(driver: Driver) -> None:
    with driver.held():
        fails = driver.submit([5], max_tokens=90, ignore_eos=True)
        goes_on = driver.submit([5], max_tokens=90, ignore_eos=True)
        state = RequestState(request_id=driver.engine._keys[fails], initial_tokens=[5])
        router = driver.engine._batches._manager.output_router
        router.fail_and_deliver(state, RuntimeError("injected: secret"))
    error = driver.end(fails).error
    assert error is not None
    assert (error.code, error.reason) == (Code.INTERNAL, "ENGINE_FAILED")
    assert "secret" not in str(error)
    driver.end(goes_on)
    assert len(driver.tokens(goes_on)) == 90


def test_stopping_ends_every_sequence(causal_model: Path) -> None:
    with running(causal_model, cache_tokens=256) as driver:

        def until_it_ends(_: Sequence[StepOutput]) -> None:
            stepped.set()
            while not driver.engine._batches.ending:
                threading.Event().wait(0.01)

        stepped = threading.Event()
        driver.then = until_it_ends
        numbers = [driver.submit([5], max_tokens=200, ignore_eos=True) for _ in range(2)]
        assert stepped.wait(PATIENCE)
    for number in numbers:
        unavailable(driver.outputs(number)[-1])

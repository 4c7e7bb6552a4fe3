"""An engine that ends tells everybody, and leaves no process behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from convoy import Code, ConvoyError
from convoy_services.generation.engines.engine import StepOutput
from convoy_services.generation.engines.vllm import Vllm
from tests.unit.generation.driver import PATIENCE
from tests.vllm.driver import MARKS, VllmDriver, processes, running

pytestmark = MARKS

LONG = {"max_tokens": 400, "ignore_eos": True}


def unavailable(output: StepOutput) -> None:
    assert output.error is not None
    assert (output.error.code, output.error.reason) == (Code.UNAVAILABLE, "ENGINE_DIED")


def test_a_killed_process_ends_every_sequence(causal_model: Path) -> None:
    before = processes()
    with running(causal_model, max_running=2) as driver:
        started = processes() - before
        [core] = [one for one in started if "EngineCore" in one.name()] or [
            one for one in started if "EngineCore" in " ".join(one.cmdline())
        ]
        numbers = [driver.submit([5 + n], **LONG) for n in range(3)]
        driver.first(numbers[0])
        driver.engine.check()
        os.kill(core.pid, signal.SIGKILL)
        for number in numbers:
            unavailable(driver.end(number))
        with pytest.raises(ConvoyError) as caught:
            driver.submit([5])
        assert (caught.value.code, caught.value.reason) == (Code.UNAVAILABLE, "ENGINE_DIED")
        with pytest.raises(RuntimeError, match="the engine has died"):
            driver.engine.check()
        driver.engine.cancel(numbers[0])
    assert not psutil.wait_procs(started, PATIENCE)[1]


def test_stopping_ends_every_sequence_and_process(causal_model: Path) -> None:
    before = processes()
    with running(causal_model) as driver:
        started = processes() - before
        numbers = [driver.submit([5 + n], **LONG) for n in range(3)]
        driver.first(numbers[0])
    for number in numbers:
        unavailable(driver.end(number))
    assert not psutil.wait_procs(started, PATIENCE)[1]


def test_a_killed_replica_leaves_no_process(causal_model: Path) -> None:
    """Its engine once lived on, with the GPUs that the next replica needs."""
    command = [sys.executable, "-m", "tests.vllm.lonely", str(causal_model)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as lonely:
        assert lonely.stdout is not None
        said = ""
        while not said.replace(" ", "").strip().isdigit():  # vLLM says something, too
            said = lonely.stdout.readline()
            assert said
        started = [psutil.Process(int(pid)) for pid in said.split()]
        assert any("EngineCore" in " ".join(one.cmdline()) for one in started)
        lonely.kill()
    assert not psutil.wait_procs(started, PATIENCE)[1]


def test_two_processes_hold_one_model(causal_model: Path, driver: VllmDriver) -> None:
    """Tensor parallel: what both make together is what one makes."""
    prompts = [[5 + n] * (n + 1) for n in range(4)]
    with running(causal_model, tensor_parallel=2) as two:
        for prompt in prompts:
            assert two.generate(prompt) == driver.generate(prompt)


def test_a_model_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="lacks files of the model"):
        Vllm(model=tmp_path, cache_gib=0.25).start(lambda _: None)


def test_a_cache_that_holds_nothing_is_told_at_the_start(causal_model: Path) -> None:
    with pytest.raises(ValueError, match="needs the setting 'cache_gib'"):
        Vllm(model=causal_model).start(lambda _: None)

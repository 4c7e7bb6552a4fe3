"""vLLM's engine, and what it told."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from convoy_services.generation.engines.vllm import Vllm
from tests.unit.generation.driver import Driver

MARKS = [
    pytest.mark.timeout(600),  # each start imports vLLM in three processes
    pytest.mark.filterwarnings("default"),  # vLLM and its libraries warn of each other
]
"""What each of these tests needs."""
NEW = 24
"""Tokens after each of ``PROMPTS``."""
PROMPTS = [random.Random(n).choices(range(3, 2000), k=1 + 17 * n) for n in range(12)]


class VllmDriver(Driver):
    """A driver of another engine."""

    def __init__(self, model: Path, **settings: Any) -> None:
        super().__init__(model)
        self.engine = Vllm(model=model, **{"cache_gib": 0.25, "threads": 1} | settings)


@contextmanager
def running(model: Path, **settings: Any) -> Iterator[VllmDriver]:
    """Have an engine, and stop it."""
    driver = VllmDriver(model, **settings)
    driver.engine.start(driver.on_step)
    try:
        yield driver
    finally:
        driver.engine.stop()


def processes() -> set[psutil.Process]:
    """Give every process that this one started, and those that they started.

    Without Python's own, which looks after what they share and ends with this one.
    """
    every = psutil.Process(os.getpid()).children(recursive=True)
    return {one for one in every if "resource_tracker" not in " ".join(one.cmdline())}

"""An engine, and what it told."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import torch

from convoy_services.generation.engines.continuous import ContinuousBatching
from convoy_services.generation.engines.engine import Finish, Prompt, StepOutput
from convoy_services.generation.sampling import Sampling

PATIENCE = 60.0
"""Seconds after which a test gives up."""


class Driver:
    """Submits prompts under numbers of its own, and keeps each step's outputs."""

    def __init__(self, model: Path, **settings: Any) -> None:
        self.engine = ContinuousBatching(
            model=model, **{"cache_tokens": 8192, "threads": 1} | settings
        )
        self.steps: list[Sequence[StepOutput]] = []
        self.then: Callable[[Sequence[StepOutput]], None] = lambda _: None
        """Called at each step, in the engine's thread."""
        self._ids = count()
        self._told = threading.Condition()

    def on_step(self, outputs: Sequence[StepOutput]) -> None:
        with self._told:
            self.steps.append(outputs)
            self._told.notify_all()
        self.then(outputs)

    def submit(self, input_ids: Sequence[int], *, id: int | None = None, **sampling: Any) -> int:
        """Submit a prompt, greedily where nothing else is said; gives its number."""
        settings = Sampling(**{"temperature": 0.0, "max_tokens": 16} | sampling)
        number = next(self._ids) if id is None else id
        self.engine.submit(Prompt(id=number, input_ids=input_ids, sampling=settings))
        return number

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the engine from telling anything, so that nothing ends meanwhile."""
        with self.engine._lock:
            yield

    def outputs(self, id: int) -> list[StepOutput]:
        """Give what was told of one sequence so far."""
        return [one for outputs in list(self.steps) for one in outputs if one.id == id]

    def tokens(self, id: int) -> list[int]:
        return [token for one in self.outputs(id) for token in one.token_ids]

    def end(self, id: int) -> StepOutput:
        """Wait for the last of a sequence."""
        return next(one for one in self.until(id, _ended) if _ended(one))

    def first(self, id: int) -> StepOutput:
        """Wait for the first of a sequence."""
        return self.until(id, lambda _: True)[0]

    def until(self, id: int, holds: Callable[[StepOutput], bool]) -> list[StepOutput]:
        """Wait until something of a sequence is told; give all of it."""
        with self._told:
            assert self._told.wait_for(lambda: any(map(holds, self.outputs(id))), PATIENCE)
            return self.outputs(id)

    def generate(self, input_ids: Sequence[int], **sampling: Any) -> list[int]:
        """Generate alone."""
        number = self.submit(input_ids, **sampling)
        self.end(number)
        return self.tokens(number)


@contextmanager
def running(model: Path, **settings: Any) -> Iterator[Driver]:
    """Have an engine, and stop it."""
    threads = torch.get_num_threads()
    driver = Driver(model, **settings)
    driver.engine.start(driver.on_step)
    try:
        yield driver
    finally:
        driver.engine.stop()
        torch.set_num_threads(threads)


def _ended(output: StepOutput) -> bool:
    return output.finish is not Finish.NONE or output.error is not None

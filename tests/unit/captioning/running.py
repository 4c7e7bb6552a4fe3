"""An engine that runs, and what it tells."""

import queue
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convoy_services.captioning.engine import BatchedGenerate
from convoy_services.generation.engines.engine import Prompt, StepOutput
from convoy_services.generation.sampling import GREEDY, Sampling

WITHIN = 60.0
"""Seconds for anything: a machine that others use may take long."""

SIZES = [(40, 40), (64, 20), (20, 64), (100, 100), (16, 90), (33, 47), (9, 9), (128, 50), (50, 51)]
"""Heights and widths."""


def noise(number: int) -> NDArray[np.uint8]:
    """Give an image that is like no other."""
    height, width = SIZES[number % len(SIZES)]
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    rows, columns = np.arange(height) * 4 // height, np.arange(width) * 4 // width
    return coarse[rows][:, columns]


def prompt(id: int, image: int | None = None, question: str = "", **settings: Any) -> Prompt:
    sampling = Sampling(**{"max_tokens": 12, "temperature": GREEDY, **settings})
    pixels = noise(id if image is None else image)
    inputs = {"pixels": pixels, "question": question}
    return Prompt(id=id, input_ids=(), sampling=sampling, inputs=inputs)


class Told:
    """What ``on_step`` was called with."""

    def __init__(self) -> None:
        self.steps: list[list[StepOutput]] = []
        self._queue: queue.Queue[list[StepOutput]] = queue.Queue()

    def __call__(self, outputs: Sequence[StepOutput]) -> None:
        self._queue.put(list(outputs))

    def next(self) -> list[StepOutput]:
        self.steps.append(self._queue.get(timeout=WITHIN))
        return self.steps[-1]

    def until_over(self, *ids: int) -> dict[int, list[StepOutput]]:
        """Wait until so many sequences are over; give the outputs of each."""
        over = {one.id for step in self.steps for one in step if one.finish or one.error}
        while not over.issuperset(ids):
            over |= {one.id for one in self.next() if one.finish or one.error}
        return {id: [one for step in self.steps for one in step if one.id == id] for id in ids}

    def rest(self) -> list[StepOutput]:
        """Give what was told and not yet looked at."""
        found = []
        while not self._queue.empty():
            found += self.next()
        return found


@contextmanager
def running(model: Path, **settings: Any) -> Iterator[tuple[BatchedGenerate, Told]]:
    engine, told = BatchedGenerate(str(model), **settings), Told()
    engine.start(told)
    try:
        yield engine, told
    finally:
        engine.stop()


def tokens(outputs: list[StepOutput]) -> list[int]:
    return [token for one in outputs for token in one.token_ids]


def submit(engine: BatchedGenerate, prompts: Sequence[Prompt]) -> None:
    """Let prompts come at once: the engine's thread sees none of them before the last."""
    with engine.together():
        for one in prompts:
            engine.submit(one)


def together(
    engine: BatchedGenerate, told: Told, prompts: Sequence[Prompt]
) -> dict[int, list[StepOutput]]:
    """Run prompts as one batch, as far as they go together."""
    submit(engine, prompts)
    return told.until_over(*(one.id for one in prompts))

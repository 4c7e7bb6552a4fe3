"""The engine that tells about images: ``generate`` on whatever waits, as one batch."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch

from convoy import Code, ConvoyError
from convoy.errors import invalid
from convoy_services.captioning.model import Model
from convoy_services.captioning.row import Choose, Row, Steps, Take
from convoy_services.generation.engines.engine import Prompt, StepOutput
from convoy_services.generation.sampling import GREEDY, Sampling
from convoy_services.generation.settings import PRECISIONS
from convoy_services.mesh.fault import fault
from convoy_services.mesh.stream_status import StreamStatus

log = logging.getLogger("ray.serve.convoy")

RETRY_AFTER = 1.0
"""Seconds after which one who was refused may try again: about the time of a caption."""

MAX_QUESTION = 8192
"""Letters of a question: more than that is no question, and would take long to find out."""

STOPS_WITHIN = 30.0
"""Seconds that a step may take before the engine is left behind."""

OnStep = Callable[[Sequence[StepOutput]], None]


class BatchedGenerate:
    """An ``Engine`` for any model that transformers knows as image-text-to-text.

    Prompts have no tokens: their ``inputs`` are ``pixels``, uint8 [height, width, 3], and
    ``question``, a text, of which the model's own processor makes tokens. One thread takes what
    waits, up to ``max_batch`` rows, and generates until all of them have ended; what comes
    meanwhile waits.
    """

    def __init__(
        self,
        model: str,
        *,
        precision: str = "auto",
        max_batch: int = 8,
        max_waiting: int = 256,
        ask: str | None = None,
        threads: int = 1,
    ) -> None:
        """Take a model by hub id or folder.

        ``ask`` is the question where there is none: see ``Model``, and for ``precision`` too.
        ``threads`` are of the CPU. It runs on a GPU if there is one. Raises ValueError for what is
        no precision or no number of rows.
        """
        if precision not in PRECISIONS:
            raise ValueError(f"precision {precision!r}: choose one of {', '.join(PRECISIONS)}")
        if max_batch < 1:
            raise ValueError(f"max_batch {max_batch}: at least 1")
        self._name = model
        self._precision = precision
        self._ask = ask
        self._threads = threads
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._waiting: dict[int, Row] = {}
        self._running: dict[int, Row] = {}
        # Held in on_step too, so that nothing of a row follows its cancel.
        self._changed = threading.Condition()
        self._stopping = False
        self._died: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="captioning", daemon=True)
        self._ready: Future[None] = Future()

    def start(self, on_step: OnStep) -> None:
        """Load the model and tell about a blank image; see ``Engine``."""
        self._on_step = on_step
        self._thread.start()
        self._ready.result()

    def submit(self, prompt: Prompt) -> None:
        """Let a row wait for the next batch; see ``Engine``."""
        question: str = prompt.inputs["question"]
        if len(question) > MAX_QUESTION:
            raise invalid("question", f"{len(question)} letters; take at most {MAX_QUESTION}")
        question = self._model.question(question)
        row = Row(id=prompt.id, look=(prompt.inputs["pixels"], question), sampling=prompt.sampling)
        with self._changed:
            if self._stopping or self._died is not None:
                raise _gone()
            if len(self._waiting) >= self._max_waiting:
                raise ConvoyError(
                    Code.RESOURCE_EXHAUSTED,
                    f"{self._max_waiting} images wait already",
                    "QUEUE_FULL",
                    retry_after=RETRY_AFTER,
                )
            self._waiting[row.id] = row
            self._changed.notify()

    def together(self) -> AbstractContextManager[Any]:
        """Hold the thread back from what is submitted meanwhile, so that it becomes one batch."""
        return self._changed

    def cancel(self, id: int) -> None:
        """Tell no more of a row; its place in a batch is free when the batch has ended."""
        with self._changed:
            row = self._waiting.pop(id, None) or self._running.get(id)
            if row is not None:
                row.over = True

    def stats(self) -> StreamStatus:
        """Tell what it does; there is no cache of its own."""
        with self._changed:
            running = sum(not row.over for row in self._running.values())
            return StreamStatus(running=running, waiting=len(self._waiting))

    def check(self) -> None:
        """Raise RuntimeError where it has died."""
        if self._died is not None:
            raise RuntimeError("the captioning engine has died") from self._died

    def stop(self) -> None:
        """End after the step that is under way, and every row with UNAVAILABLE."""
        with self._changed:
            self._stopping = True
            self._end()
            self._changed.notify()
        self._thread.join(STOPS_WITHIN)

    def _work(self) -> None:
        """Be the thread: all of torch happens here."""
        try:
            torch.set_num_threads(self._threads)
            self._model = Model(self._name, precision=self._precision, ask=self._ask)
            if error := self._generate(_blank(self._model), lambda _: None):
                raise ValueError(f"model {self._name!r} tells nothing about images: {error}")
        except BaseException as exc:
            self._ready.set_exception(exc)
            return
        self._ready.set_result(None)
        try:
            while (rows := self._next()) is not None:
                self._attempt(rows)
                with self._changed:
                    self._running.clear()
        except BaseException as exc:
            log.exception("the captioning engine has died")
            with self._changed:
                self._died = exc
                self._end()

    def _next(self) -> list[Row] | None:
        """Wait for rows, and take those that go with the first; None: it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._waiting)
            if self._stopping:
                return None
            waiting = list(self._waiting.values())
        taken: list[Row] = []
        kind = self._model.kind(waiting[0].look[1])
        for row in waiting:
            if self._model.kind(row.look[1]) == kind:
                taken.append(row)
            if len(taken) == self._max_batch:
                break
        with self._changed:
            self._running = {r.id: r for r in taken if self._waiting.pop(r.id, None) is not None}
            return list(self._running.values())

    def _attempt(self, rows: Sequence[Row]) -> None:
        """Generate for rows together; where that fails, for each that has no token yet alone."""
        rows = [row for row in rows if not row.over]
        if not rows:
            return
        now = time.monotonic()
        for row in rows:
            row.queue_s = row.queue_s or now - row.came
        error = self._generate(rows, self._on_step)
        if error is None:
            return
        fresh = [row for row in rows if not row.tokens and not row.over]
        if len(rows) == 1:
            self._fail(rows, error)
            return
        self._fail([row for row in rows if row.tokens], error)  # they cannot begin again
        for row in fresh:
            self._attempt([row])

    def _generate(self, rows: Sequence[Row], on_step: OnStep) -> ConvoyError | None:
        """Generate until all rows are over, and give what went wrong.

        Raises torch.AcceleratorError, after which a GPU computes nothing more for this process.
        """
        try:
            inputs = self._model.inputs([row.look for row in rows])
            for row, prompt in zip(rows, self._model.prompts(inputs, len(rows)), strict=True):
                row.prompt = prompt
                row.most = min(row.sampling.max_tokens, self._model.room(len(prompt)))
        except (RuntimeError, MemoryError) as exc:
            return _fault(exc)
        except Exception as exc:
            # The model's processor did take the image that the engine began with.
            log.info("the processor refuses an image", exc_info=exc)
            return invalid("image", "the model does not take it, or not with this question")
        if long := [row for row in rows if row.most < 1]:
            self._without(long, rows)
            return None
        steps = Steps(rows, ends=self._model.ends, on_step=on_step, lock=self._changed)
        try:
            most = max(row.most for row in rows)
            self._model.generate(inputs, most=most, choose=Choose(steps), take=Take(steps))
            if not all(row.over for row in rows):
                raise RuntimeError("the model ended a batch whose rows have not ended")
        except Exception as exc:
            return _fault(exc)
        return None

    def _without(self, long: Sequence[Row], rows: Sequence[Row]) -> None:
        """Refuse rows for which the model has no room, and generate for the others."""
        for row in long:
            told = f"with the image it is {len(row.prompt)} tokens, more than the model takes"
            self._fail([row], invalid("question", told))
        self._attempt([row for row in rows if row.most >= 1])

    def _fail(self, rows: Sequence[Row], error: ConvoyError) -> None:
        """End rows that are not over."""
        with self._changed:
            outputs = [StepOutput(id=row.id, error=error) for row in rows if not row.over]
            for row in rows:
                row.over = True
            if outputs:
                self._on_step(outputs)

    def _end(self) -> None:
        """End every row."""
        with self._changed:
            rows = [*self._running.values(), *self._waiting.values()]
            self._waiting.clear()
            self._fail(rows, _gone())


def _blank(model: Model) -> list[Row]:
    white = np.full((224, 224, 3), 255, np.uint8)
    sampling = Sampling(max_tokens=2, temperature=GREEDY, ignore_eos=True)
    return [Row(id=-1, look=(white, model.question("")), sampling=sampling)]


def _fault(exc: BaseException) -> ConvoyError:
    if isinstance(exc, torch.AcceleratorError):
        raise exc
    return fault("captioning", exc)


def _gone() -> ConvoyError:
    return ConvoyError(Code.UNAVAILABLE, "the engine has ended", "ENGINE_DIED", retry_after=1.0)

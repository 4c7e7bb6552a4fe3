"""The engine for texts: any causal language model, by transformers' continuous batching."""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.generation.continuous_batching.requests import GenerationOutput, RequestStatus

from convoy import Code, ConvoyError
from convoy_services.generation.engines.admission import Admission
from convoy_services.generation.engines.batches import Batches
from convoy_services.generation.engines.engine import (
    Finish,
    Likely,
    Prompt,
    StepOutput,
)
from convoy_services.generation.engines.refusals import check, died
from convoy_services.generation.engines.sampler import Row, choose, likely
from convoy_services.generation.sampling import GREEDY, UNSEEDED, Sampling
from convoy_services.generation.settings import PRECISIONS
from convoy_services.mesh.stream_status import StreamStatus

log = logging.getLogger("ray.serve.convoy")  # so that Serve's log files take it


@dataclass(slots=True, kw_only=True)
class _Sequence:
    """One that runs or waits."""

    prompt: Prompt
    row: Row
    ends: frozenset[int]
    since: float
    """When it was submitted, by time.perf_counter."""
    likely: Likely | None = None
    """How likely the token is that this step chose."""


_GONE = Row(Sampling(temperature=GREEDY), seed=0, prompt=())
"""Stands for a sequence that was cancelled while the model computed its token."""


class ContinuousBatching:
    """A causal language model that goes on with many texts at once; see Engine.

    A sequence waits until the cache has room for all it may become; so none that runs is ever
    put back. It is greedy for transformers: tokens are drawn by noise that ``sampler`` adds.
    """

    def __init__(
        self,
        *,
        model: str | Path,
        cache_tokens: int,
        batch_tokens: int = 256,
        max_waiting: int = 256,
        precision: str = "auto",
        threads: int | None = None,
    ) -> None:
        """Take a model's folder, or its hub id.

        ``cache_tokens`` is how many tokens of prompts and texts are kept at once, ``batch_tokens``
        how many one step computes, so also how many sequences run at once. ``max_waiting``
        sequences may wait for room. ``precision`` "auto" is the model's own on a GPU, float32 on
        the CPU; ``threads`` are of the CPU, None leaves them to torch. Runs on a GPU if there is
        one. Raises ValueError for a precision that there is not.
        """
        if precision not in PRECISIONS:
            raise ValueError(f"precision {precision!r}: choose one of {', '.join(PRECISIONS)}")
        self._model = str(model)
        self._cache_tokens = cache_tokens
        self._batch_tokens = batch_tokens
        self._max_waiting = max_waiting
        self._precision = precision
        self._threads = threads
        # Held in on_step too, so that nothing of a sequence follows its cancel; reentrant, for
        # on_step may cancel.
        self._lock = threading.RLock()
        self._sequences: dict[str, _Sequence] = {}
        self._keys: dict[int, str] = {}
        self._serial = count()  # a number of the caller's may come again, a key does not
        self._ended = False
        self._stopping = False

    def start(self, on_step: Callable[[Sequence[StepOutput]], None]) -> None:
        """Load, generate two tokens, then be ready; see Engine."""
        if self._threads is not None:
            torch.set_num_threads(self._threads)
        model = self._load()
        text = model.config.get_text_config()
        self._vocab = text.vocab_size
        self._eos = _eos(model)
        self._batches = Batches(
            model,
            cache_tokens=self._cache_tokens,
            batch_tokens=self._batch_tokens,
            choose=self._choose,
            on_step=self._step,
            on_end=self._end,
        )
        self._longest = self._batches.longest()
        self._admission = Admission(
            blocks=self._batches.blocks,
            sequences=self._batch_tokens,
            max_waiting=self._max_waiting,
        )
        self._warm()
        self._on_step = on_step

    def submit(self, prompt: Prompt) -> None:
        """Begin or let wait; see Engine."""
        check(prompt, vocabulary=self._vocab, longest=self._longest)
        sampling = prompt.sampling
        seed = secrets.randbits(63) if sampling.seed == UNSEEDED else sampling.seed
        sequence = _Sequence(
            prompt=prompt,
            row=Row(sampling, seed=seed, prompt=prompt.input_ids),
            ends=sampling.stop_token_ids | (frozenset() if sampling.ignore_eos else self._eos),
            since=time.perf_counter(),
        )
        blocks = self._batches.needed(len(prompt.input_ids) + sampling.max_tokens)
        with self._lock:
            if self._ended:
                raise died()
            key = str(next(self._serial))
            now = self._admission.ask(key, blocks)
            self._sequences[key] = sequence
            self._keys[prompt.id] = key
            if now:
                self._begin(key)

    def cancel(self, id: int) -> None:
        """Let go of a sequence; see Engine."""
        with self._lock:
            key = self._keys.get(id)
            if key is None:
                return
            # Before those that are admitted in its place: the thread looks at what is cancelled
            # after it looked at what is new.
            self._batches.cancel(key)
            self._forget(key)

    def stats(self) -> StreamStatus:
        """Tell what it does; room that is reserved is not free."""
        with self._lock:
            return StreamStatus(
                running=self._admission.running,
                waiting=self._admission.waiting,
                blocks=self._admission.blocks,
                free_blocks=self._admission.free_blocks,
            )

    def check(self) -> None:
        """Raise RuntimeError where its thread has ended."""
        if self._ended:
            raise RuntimeError("the engine has died") from self._batches.error

    def stop(self) -> None:
        """End its thread, and every sequence with UNAVAILABLE."""
        self._stopping = True
        self._batches.stop()

    def _load(self) -> PreTrainedModel:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        precision = self._precision
        if precision == "auto" and device == "cpu":
            precision = "float32"
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(self._model, dtype=precision)
        torch.nn.Module.to(model, device)
        return model

    def _warm(self) -> None:
        """Read a prompt and go on once, which are the two kinds of steps."""
        done = threading.Event()

        def on_step(outputs: Sequence[StepOutput]) -> None:
            if any(output.finish or output.error for output in outputs):
                done.set()

        self._on_step = on_step
        self._batches.start()
        sampling = Sampling(max_tokens=2, temperature=GREEDY, ignore_eos=True)
        self.submit(Prompt(id=0, input_ids=[0], sampling=sampling))
        done.wait()
        self.check()

    def _begin(self, key: str) -> None:
        sequence = self._sequences[key]
        self._batches.begin(
            key,
            sequence.prompt.input_ids,
            max_tokens=sequence.prompt.sampling.max_tokens,
            ends=sequence.ends,
        )

    def _forget(self, key: str) -> _Sequence:
        """Take its room back, and begin with those that now have some."""
        sequence = self._sequences.pop(key)
        if self._keys.get(sequence.prompt.id) == key:
            del self._keys[sequence.prompt.id]
        for admitted in self._admission.leave(key):
            self._begin(admitted)
        return sequence

    # What follows runs in the engine's thread.

    def _choose(self, scores: Tensor, keys: Sequence[str]) -> Tensor:
        """Choose a token for each sequence, and keep how likely it is where that was asked."""
        found = [self._sequences.get(key) for key in keys]
        rows = [one.row if one else _GONE for one in found]
        chosen = choose(scores, rows)
        if any(row.sampling.logprobs >= 0 for row in rows):
            for n, how in likely(scores, chosen.argmax(-1), rows).items():
                sequence = found[n]
                if sequence:
                    sequence.likely = how
        return chosen

    def _step(self, outputs: Sequence[GenerationOutput]) -> None:
        """Tell what a step brought to sequences that are still there."""
        with self._lock:
            if self._batches.ending:
                return  # each failure that comes now is the end's, which tells them all at once
            news = [self._news(one) for one in outputs if one.request_id in self._sequences]
            if news:
                self._on_step(news)

    def _news(self, output: GenerationOutput) -> StepOutput:
        key = output.request_id
        if output.status == RequestStatus.FAILED:
            log.error("sequence %s failed: %s", key, output.error)
            error = ConvoyError(Code.INTERNAL, "the engine failed", "ENGINE_FAILED")
            return StepOutput(id=self._forget(key).prompt.id, error=error)
        sequence = self._sequences[key]
        token = output.generated_tokens[-1]
        sequence.row.tokens.append(token)
        finish = Finish.NONE
        if output.is_finished():
            finish = Finish.STOP if token in sequence.ends else Finish.LENGTH
            self._forget(key)
        how = sequence.likely
        return StepOutput(
            id=sequence.prompt.id,
            token_ids=(token,),
            likely=() if how is None else (how,),
            finish=finish,
            prompt_tokens=len(sequence.prompt.input_ids),
            queue_s=output.lifespan[0] - sequence.since,
        )

    def _end(self) -> None:
        """End every sequence with the thread."""
        with self._lock:
            self._ended = True
            if not self._stopping:
                log.error("the engine has died", exc_info=self._batches.error)
            ended = [one.prompt.id for one in self._sequences.values()]
            self._sequences.clear()
            self._keys.clear()
            if ended:
                self._on_step([StepOutput(id=id, error=died()) for id in ended])


def _eos(model: PreTrainedModel) -> frozenset[int]:
    """Give the tokens that end a text, by the generation's settings or else the model's."""
    settings = model.generation_config, model.config.get_text_config()
    for one in settings:
        ids = getattr(one, "eos_token_id", None)
        if ids is not None:
            return frozenset(ids if isinstance(ids, list) else [ids])
    return frozenset()

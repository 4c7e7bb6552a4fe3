"""One sequence of the captioning engine, and a batch of them as ``generate`` meets it."""

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import LogitsProcessor, StoppingCriteria

from convoy_services.captioning.model import Look
from convoy_services.generation.engines import sampler
from convoy_services.generation.engines.engine import Finish, Likely, StepOutput
from convoy_services.generation.sampling import GREEDY, UNSEEDED, Sampling


@dataclass(slots=True, kw_only=True, eq=False)
class Row:
    """One sequence."""

    id: int
    look: Look
    sampling: Sampling
    came: float = field(default_factory=time.monotonic)
    seed: int = field(init=False)
    queue_s: float = 0.0
    prompt: list[int] = field(default_factory=list)
    most: int = 0
    """How many tokens it may have."""
    tokens: int = 0
    """How many it has."""
    over: bool = False
    """It is done, has failed or was cancelled: nothing more is to be told of it."""

    def __post_init__(self) -> None:
        """Draw a seed where there is none."""
        given = self.sampling.seed
        self.seed = secrets.randbits(63) if given == UNSEEDED else given


_OVER = sampler.Row(Sampling(temperature=GREEDY), seed=0, prompt=())
"""Stands for a row that is over, which costs least so."""


class Steps:
    """The steps of one batch: which tokens are taken, and who has ended."""

    def __init__(
        self,
        rows: Sequence[Row],
        *,
        ends: frozenset[int],
        on_step: Callable[[Sequence[StepOutput]], None],
        lock: AbstractContextManager[Any],
    ) -> None:
        """Begin; ``on_step`` is called once a step, unless there is nobody left to tell.

        ``lock`` is held while rows are looked at and told of.
        """
        self._rows = rows
        self._ends = ends
        self._on_step = on_step
        self._lock = lock
        self._chosen = [sampler.Row(r.sampling, seed=r.seed, prompt=r.prompt) for r in rows]
        self._logprobs = any(row.sampling.logprobs >= 0 for row in rows)
        self._scores: torch.Tensor | None = None

    def choose(self, scores: torch.Tensor) -> torch.Tensor:
        """Change scores so that the likeliest is the token to take; float32 [rows, vocabulary]."""
        self._scores = scores if self._logprobs else None
        return sampler.choose(scores, self._chosen)

    def take(self, tokens: torch.Tensor) -> torch.Tensor:
        """Take each row's token, int64 [rows], and tell who is done, bool [rows]."""
        likely: dict[int, Likely] = {}
        if self._scores is not None:
            likely = sampler.likely(self._scores, tokens, self._chosen)
        taken = tokens.tolist()
        with self._lock:
            outputs = []
            for n, row in enumerate(self._rows):
                if row.over:  # what is still computed for it is thrown away
                    self._chosen[n] = _OVER
                    continue
                self._chosen[n].tokens.append(taken[n])
                outputs.append(self._output(row, taken[n], [likely[n]] if n in likely else []))
            if outputs:
                self._on_step(outputs)
        return torch.tensor([row.over for row in self._rows], device=tokens.device)

    def _output(self, row: Row, token: int, likely: Sequence[Likely]) -> StepOutput:
        row.tokens += 1
        finish = Finish.NONE
        own = token in self._ends and not row.sampling.ignore_eos
        if own or token in row.sampling.stop_token_ids:
            finish = Finish.STOP
        elif row.tokens >= row.most:
            finish = Finish.LENGTH
        row.over = finish is not Finish.NONE
        return StepOutput(
            id=row.id,
            token_ids=[token],
            likely=likely,
            finish=finish,
            prompt_tokens=len(row.prompt),
            queue_s=row.queue_s,
        )


class Choose(LogitsProcessor):
    """``Steps.choose`` as ``generate`` calls it."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Give the scores of which the largest is taken."""
        return self._steps.choose(scores)


class Take(StoppingCriteria):
    """``Steps.take`` as ``generate`` calls it, with the token of this step behind all others."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        """Tell which rows are done."""
        return self._steps.take(input_ids[:, -1])

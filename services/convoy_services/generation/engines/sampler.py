"""How each sequence's next token is chosen, whatever engine computed the scores."""

from collections.abc import Sequence

import torch
from torch import Tensor

from convoy_services.generation.engines.engine import Likely
from convoy_services.generation.engines.noise import gumbel
from convoy_services.generation.engines.truncation import truncate
from convoy_services.generation.sampling import Sampling


class Row:
    """One sequence, as what is chosen for it depends on it."""

    def __init__(self, sampling: Sampling, *, seed: int, prompt: Sequence[int]) -> None:
        """Begin with a prompt; ``seed`` is the one to use, be it the request's or not."""
        self.sampling = sampling
        self.seed = seed
        self.tokens = list(prompt)
        """The prompt and all that was generated: whoever generates adds to it."""
        self._prompt = len(self.tokens)
        self._seen: Tensor | None = None
        self._noted = 0

    @property
    def position(self) -> int:
        """Which token is next: 0 is the first that is generated."""
        return len(self.tokens) - self._prompt

    def seen(self, vocab: int, device: torch.device) -> Tensor:
        """Tell which tokens the sequence has, as bool [vocab]."""
        if self._seen is None:
            self._seen = torch.zeros(vocab, dtype=torch.bool, device=device)
        new = self.tokens[self._noted :]
        self._seen[torch.tensor(new, dtype=torch.int64, device=device)] = True
        self._noted += len(new)
        return self._seen


def choose(scores: Tensor, rows: Sequence[Row]) -> Tensor:
    """Change scores so that each row's argmax is the token to take; float32 [rows, vocab].

    In this order: repetition penalty, temperature, top-k, top-p, min-p, noise by the row's seed
    and position. What is chosen for a row depends on that row alone; ``scores`` stays as it was,
    and is given back where no row asks for anything.
    """
    scores = _penalize(scores, rows)
    drawn = [n for n, row in enumerate(rows) if row.sampling.temperature > 0]
    if not drawn:
        return scores
    samplings = [rows[n].sampling for n in drawn]
    index = torch.tensor(drawn, device=scores.device)
    part = scores[index]
    # The largest becomes 0, for a small temperature would make infinities of the others.
    part -= part.amax(-1, keepdim=True)
    part /= _column([one.temperature for one in samplings], part)
    part = truncate(part, samplings)
    keys = [(rows[n].seed, rows[n].position) for n in drawn]
    part += gumbel(keys, part.shape[-1], part.device)
    return scores.index_copy(0, index, part)


def _penalize(scores: Tensor, rows: Sequence[Row]) -> Tensor:
    """Make tokens that a sequence has less likely (Keskar et al. 2019)."""
    penalized = [n for n, row in enumerate(rows) if row.sampling.repetition_penalty != 1]
    if not penalized:
        return scores
    index = torch.tensor(penalized, device=scores.device)
    part = scores[index]
    penalty = _column([rows[n].sampling.repetition_penalty for n in penalized], part)
    seen = torch.stack([rows[n].seen(part.shape[-1], part.device) for n in penalized])
    less = torch.where(part < 0, part * penalty, part / penalty)
    return scores.index_copy(0, index, torch.where(seen, less, part))


def likely(scores: Tensor, chosen: Tensor, rows: Sequence[Row]) -> dict[int, Likely]:
    """Tell how likely chosen tokens are, by the number of each row that asked.

    ``scores`` are the model's own, float32 [rows, vocab]; ``chosen`` is int64 [rows].
    """
    asked = [n for n, row in enumerate(rows) if row.sampling.logprobs >= 0]
    if not asked:
        return {}
    index = torch.tensor(asked, device=scores.device)
    logs = scores[index].log_softmax(-1)
    own = logs.gather(-1, chosen[index].unsqueeze(-1)).squeeze(-1).tolist()
    most = max(rows[n].sampling.logprobs for n in asked)
    values, tokens = (one.tolist() for one in logs.topk(min(most, logs.shape[-1])))
    result = {}
    for place, n in enumerate(asked):
        pairs = list(zip(tokens[place], values[place], strict=True))
        likeliest = pairs[: rows[n].sampling.logprobs]
        result[n] = Likely(logprob=own[place], likeliest=likeliest)
    return result


def _column(values: Sequence[float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=like.device).unsqueeze(-1)

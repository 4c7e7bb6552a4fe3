"""Which tokens are too unlikely to be drawn."""

from collections.abc import Sequence

import torch
from torch import Tensor

from convoy_services.generation.sampling import Sampling

HEAD = 256
"""So many of the likeliest are sorted first for top-p. They nearly always hold its share, and
sorting a whole vocabulary costs 40 times as much."""


def truncate(scores: Tensor, samplings: Sequence[Sampling]) -> Tensor:
    """Set what top-k, top-p and min-p leave out to -inf, in this order; float32 [rows, vocab].

    ``scores`` are divided by the temperature already. The likeliest token is always kept, and so
    are tokens as likely as the last that is.
    """
    vocab = scores.shape[-1]
    limited = [n for n, one in enumerate(samplings) if _limits(one, vocab)]
    if not limited:
        return scores
    index = torch.tensor(limited, device=scores.device)
    part = scores[index]
    min_p = _column([samplings[n].min_p for n in limited], part)
    floor = part.amax(-1, keepdim=True) + min_p.log()  # of 0 it is -inf, which leaves out nothing
    headed = [n for n, row in enumerate(limited) if _heads(samplings[row], vocab)]
    if headed:
        of = torch.tensor(headed, device=scores.device)
        head = _head(part[of], [samplings[limited[n]] for n in headed])
        floor[of] = torch.maximum(floor[of], head)
    return scores.index_copy(0, index, part.masked_fill(part < floor, -torch.inf))


def _heads(sampling: Sampling, vocab: int) -> bool:
    return sampling.top_p < 1 or 0 < sampling.top_k < vocab


def _limits(sampling: Sampling, vocab: int) -> bool:
    return sampling.min_p > 0 or _heads(sampling, vocab)


def _head(scores: Tensor, samplings: Sequence[Sampling]) -> Tensor:
    """Give the score of the last token that top-k and top-p keep, as [rows, 1]."""
    vocab = scores.shape[-1]
    top_k = [one.top_k if 0 < one.top_k < vocab else vocab for one in samplings]
    width = max((k for k in top_k if k < vocab), default=min(HEAD, vocab))
    if any(k == vocab for k in top_k):
        width = max(width, min(HEAD, vocab))
    floor, short = _floor(scores, top_k, samplings, width)
    if short:
        of = torch.tensor(short, device=scores.device)
        rest = [samplings[n] for n in short]
        floor[of], _ = _floor(scores[of], [vocab] * len(short), rest, vocab)
    return floor


def _floor(
    scores: Tensor, top_k: Sequence[int], samplings: Sequence[Sampling], width: int
) -> tuple[Tensor, list[int]]:
    """Look among the ``width`` likeliest; give the last that is kept, and rows that keep more."""
    head = scores.topk(width).values
    limit = _column(top_k, scores)
    kept = torch.arange(width, device=scores.device) < limit
    # top-p is a share of what top-k left.
    whole = torch.where(
        limit <= width,
        head.masked_fill(~kept, -torch.inf).logsumexp(-1, keepdim=True),
        scores.logsumexp(-1, keepdim=True),
    )
    share = (head - whole).exp()
    # Where top-p is off, rounding must not make it leave out the last of a long head: 2 is never
    # reached.
    top_p = _column([one.top_p if one.top_p < 1 else 2.0 for one in samplings], scores)
    inside = kept & (share.cumsum(-1) - share < top_p)
    count = inside.sum(-1, keepdim=True).clamp_(min=1)
    floor = head.gather(-1, count - 1)
    full = (inside[:, -1:] & (limit > width)).squeeze(-1)
    return floor, full.nonzero().squeeze(-1).tolist()


def _column(values: Sequence[float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=like.device).unsqueeze(-1)

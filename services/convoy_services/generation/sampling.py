"""How the next token is chosen, as columns and as one sequence's settings."""

from dataclasses import dataclass

import numpy as np

from convoy import Batch, Violation
from convoy_services.mesh.column import Column, Columns

GREEDY = 0.0
"""The temperature at which the likeliest token is always taken."""

NO_LOGPROBS = -1
"""In the column ``logprobs``: none are wanted. 0 wants those of the chosen tokens alone."""

MAX_STOP_TOKENS = 64
"""Tokens that end one text."""

MAX_LOGPROBS = 20
"""Of the likeliest tokens."""

MIN_PENALTY = 0.01
"""The least repetition penalty; with much less scores are no numbers any more."""

_MOST = 2**31 - 1
"""The largest number of what is INT32; larger ones come from the contract."""

UNSEEDED = -1
"""In the column ``seed``: the engine takes one of its own."""

COLUMNS = Columns(
    max_tokens=Column("INT32", default=256),
    temperature=Column("FP32", default=1.0, finite=True),
    top_p=Column("FP32", default=1.0, finite=True),
    top_k=Column("INT32", default=0),
    min_p=Column("FP32", default=0.0, finite=True),
    repetition_penalty=Column("FP32", default=1.0, finite=True),
    seed=Column("INT64", default=UNSEEDED),
    stop_token_ids=Column("INT32", [-1], default=()),
    logprobs=Column("INT32", default=NO_LOGPROBS),
    ignore_eos=Column("BOOL", default=False),
)
"""What an engine takes beside its prompt; each may be left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """One sequence's settings, checked by whoever took the request."""

    max_tokens: int = 256
    temperature: float = 1.0
    """0 always takes the likeliest token."""
    top_p: float = 1.0
    top_k: int = 0
    """0 keeps all."""
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int = UNSEEDED
    """63 bits; -1: one of the engine's own."""
    stop_token_ids: frozenset[int] = frozenset()
    """Ends, beside the model's own; the token itself is emitted, with the finish."""
    logprobs: int = NO_LOGPROBS
    """How many of the likeliest tokens are told beside the chosen one; -1: not even that."""
    ignore_eos: bool = False
    """Go on where the model would end."""


def read(batch: Batch) -> list[Sampling]:
    """Give the settings of each row; ``batch`` has every column of ``COLUMNS``."""
    plain = {name: batch[name].tolist() for name in COLUMNS}
    plain["stop_token_ids"] = [frozenset(ids) for ids in plain["stop_token_ids"]]
    names = list(plain)
    return [
        Sampling(**dict(zip(names, row, strict=True))) for row in zip(*plain.values(), strict=True)
    ]


def faults(sampling: Sampling) -> list[Violation]:
    """Name the settings that no engine takes, by the names they have in the contract."""
    s = sampling
    checked = [
        ("max_tokens", 1 <= s.max_tokens <= _MOST, f"1 to {_MOST}"),
        ("temperature", 0 <= s.temperature <= 2, "0 to 2"),
        ("top_p", 0 < s.top_p <= 1, "above 0 to 1"),
        ("top_k", 0 <= s.top_k <= _MOST, f"0 to {_MOST}; 0 keeps all"),
        ("min_p", 0 <= s.min_p <= 1, "0 to 1"),
        (
            "repetition_penalty",
            float(np.float32(MIN_PENALTY)) <= s.repetition_penalty <= 10,  # it comes as FP32
            f"{MIN_PENALTY} to 10",
        ),
        ("seed", UNSEEDED <= s.seed < 2**63, "0 to 2**63 - 1"),
        ("stop_token_ids", len(s.stop_token_ids) <= MAX_STOP_TOKENS, f"up to {MAX_STOP_TOKENS}"),
        (
            "stop_token_ids",
            all(0 <= token <= _MOST for token in s.stop_token_ids),
            f"tokens, which are 0 to {_MOST}",
        ),
        (
            "logprobs",
            NO_LOGPROBS <= s.logprobs <= MAX_LOGPROBS,
            f"{NO_LOGPROBS} to {MAX_LOGPROBS}; {NO_LOGPROBS} tells none",
        ),
    ]
    return [Violation(name, f"take {right}") for name, holds, right in checked if not holds]

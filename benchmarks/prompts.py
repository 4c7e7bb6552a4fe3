"""What every contestant of the suite ``generation`` goes on with, and the model for it."""

from pathlib import Path

from benchmarks.texts import texts

STREAMS = 16
TOKENS = 64
"""Of each text; none ends before."""
FEW = 2
"""Tokens of a text of which only the first counts."""
THREADS = 1
"""Of the CPU, for whatever computes the model."""
CACHE = 4096
"""Tokens: room for twice as many as 16 streams need."""


def model(folder: Path) -> Path:
    """Save a Llama of 95 million parameters, all random: only time is measured."""
    from tests.models import causal

    return causal.make(folder, layers=12, hidden=768, heads=12, vocab=16_000)


def prompts(count: int = STREAMS) -> list[str]:
    """Give texts of 20 to 60 tokens."""
    return [text for text in texts() if 14 <= len(text.split()) <= 40][:count]

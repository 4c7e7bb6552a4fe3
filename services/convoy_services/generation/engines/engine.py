"""What generates: the protocol that each engine keeps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

from convoy import ConvoyError
from convoy_services.generation.sampling import Sampling
from convoy_services.mesh.stream_status import StreamStatus


class Finish(IntEnum):
    """Why a sequence ended; the numbers are those of ``convoy.v1.FinishReason``."""

    NONE = 0
    """It goes on."""
    STOP = 1
    """The model's own end, or a token that the request named."""
    LENGTH = 2
    """The limit of tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What an engine is to go on with."""

    id: int
    input_ids: Sequence[int]
    """Never empty, but where the model makes the tokens of ``inputs`` itself."""
    sampling: Sampling
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """What the model takes beside tokens, such as an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likely:
    """How likely a token was, by the model's own scores: before penalty, temperature and noise."""

    logprob: float
    """The natural logarithm of the chosen token's probability."""
    likeliest: Sequence[tuple[int, float]] = ()
    """Token and logarithm of the likeliest, the likeliest first: as many as were asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutput:
    """What one step added to one sequence."""

    id: int
    token_ids: Sequence[int] = ()
    likely: Sequence[Likely] = ()
    """One for each token where logprobs were asked for, else none."""
    finish: Finish = Finish.NONE
    error: ConvoyError | None = None
    """Why the sequence failed: it has ended."""
    prompt_tokens: int = 0
    """How many tokens the model read."""
    queue_s: float = 0.0
    """Seconds until the engine began with the prompt."""


class Engine(Protocol):
    """Goes on with many sequences at once; one step gives each of those that run a token.

    All methods return at once but ``start`` and ``stop``.
    """

    def start(self, on_step: Callable[[Sequence[StepOutput]], None]) -> None:
        """Load the model, compute a first token, and hand each step's outputs to ``on_step``.

        It is called from a thread of the engine's, once a step, with the news of every sequence.
        Raises OSError where the model is not there, ValueError where it does not suit.
        """
        ...

    def submit(self, prompt: Prompt) -> None:
        """Begin with a sequence, or let it wait for room.

        Raises ConvoyError INVALID_ARGUMENT for one that could never fit, RESOURCE_EXHAUSTED where
        too many wait, UNAVAILABLE where the engine has died.
        """
        ...

    def cancel(self, id: int) -> None:
        """Let go of a sequence and its cache, within a step; passes over one that is not there."""
        ...

    def stats(self) -> StreamStatus:
        """Tell what it does."""
        ...

    def check(self) -> None:
        """Raise RuntimeError where it has died."""
        ...

    def stop(self) -> None:
        """End, with every sequence; called once."""
        ...

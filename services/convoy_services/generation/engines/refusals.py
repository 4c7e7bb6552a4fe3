"""What every engine refuses, in the same words."""

from convoy import Code, ConvoyError
from convoy.errors import invalid
from convoy_services.generation.engines.engine import Prompt


def check(prompt: Prompt, *, vocabulary: int, longest: int) -> None:
    """Raise ConvoyError INVALID_ARGUMENT for what could never fit, or would break the model.

    ``longest`` is the most tokens of prompt and text together.
    """
    low, high = min(prompt.input_ids), max(prompt.input_ids)
    if low < 0 or high >= vocabulary:
        wrong = low if low < 0 else high
        description = f"token {wrong} is not one of the model's {vocabulary}"
        raise invalid("input_ids", description, reason="UNKNOWN_TOKEN")
    tokens, most = len(prompt.input_ids), prompt.sampling.max_tokens
    if tokens >= longest:
        description = f"the prompt has {tokens} tokens; at most {longest - 1} fit, with one more"
        raise invalid("input_ids", description, reason="PROMPT_TOO_LONG")
    if tokens + most > longest:
        description = (
            f"{most} tokens after a prompt of {tokens} are {tokens + most}; {longest} fit, so at "
            f"most {longest - tokens}"
        )
        raise invalid("max_tokens", description, reason="PROMPT_TOO_LONG")


def died() -> ConvoyError:
    """Say that an engine computes nothing any more."""
    return ConvoyError(Code.UNAVAILABLE, "the engine has ended", "ENGINE_DIED", retry_after=1.0)

"""A model that tells about images, whatever its kind."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from PIL import Image
from transformers import LogitsProcessor, StoppingCriteria

from convoy.errors import invalid
from convoy_services.generation.model import reading

# Typed in part only: they are what transformers makes of a name.
_library: Any = transformers

ASK = "Describe this image."
"""What a model that chats is asked where nobody asks anything."""

_KEPT = (
    "bos_token_id",
    "pad_token_id",
    "decoder_start_token_id",
    "forced_bos_token_id",
    "bad_words_ids",
    "suppress_tokens",
    "begin_suppress_tokens",
)
"""Of a model's generation configuration."""

Look = tuple[NDArray[np.uint8], str]
"""An image as uint8 [height, width, 3], and the question about it; empty asks for a caption."""

Inputs = Mapping[str, torch.Tensor]
"""What the model takes for some rows together."""


class Model:
    """A loaded model with its processor."""

    def __init__(self, model: str, *, precision: str, ask: str | None) -> None:
        """Load a model by hub id or folder; code that comes with it is not run.

        ``ask`` is the question where there is none; None: ``ASK`` of models that chat, of others
        nothing. Raises OSError where the model is not there, ValueError where it is not one that
        tells about images.
        """
        device = "cuda" if torch.cuda.is_available() else "cpu"
        if precision == "auto" and device == "cpu":
            precision = "float32"
        try:
            with reading(model) as place:
                self._processor: Any = _library.AutoProcessor.from_pretrained(
                    place, trust_remote_code=False
                )
                loaded: Any = _library.AutoModelForImageTextToText.from_pretrained(
                    place, dtype=precision, trust_remote_code=False
                )
        except ImportError as exc:  # of some models, torchvision or num2words
            raise ValueError(f"model {model!r} needs a further library: {exc}") from exc
        if not hasattr(self._processor, "image_processor"):
            raise ValueError(f"model {model!r}: it has no processor for images")
        self._model = loaded.eval().to(device)
        self._takes = frozenset(inspect.signature(loaded.forward).parameters)
        self._chats = getattr(self._processor, "chat_template", None) is not None
        self._ask = ask if ask is not None else (ASK if self._chats else "")
        self._marks = _marks(self._processor)
        tokenizer = self._processor.tokenizer
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        self.ends = _take_ends(self._model, tokenizer)
        """The model's own ends, of which ``generate`` no longer knows."""
        text = self._model.config.get_text_config(decoder=True)
        self._positions: int | None = getattr(text, "max_position_embeddings", None)

    @property
    def _encodes(self) -> bool:
        return bool(self._model.config.is_encoder_decoder)

    def room(self, prompt_tokens: int) -> int:
        """Tell how many tokens may follow so many."""
        if self._positions is None:
            return 1 << 31
        return self._positions - (0 if self._encodes else prompt_tokens)

    def question(self, asked: str) -> str:
        """Give what is asked, where nobody asks anything too.

        Raises ConvoyError INVALID_ARGUMENT for a question that would be more than words: a mark
        for a further image, or the end of a turn.
        """
        for mark in self._marks:
            if mark in asked:
                raise invalid("question", f"{mark} has a meaning of its own to the model")
        return asked or self._ask

    def kind(self, question: str) -> int:
        """Tell what the questions of rows have in common that can go together.

        Most models count the places of tokens by the mask, so that padding on the left changes
        nothing. Of the others only prompts of one length go together.
        """
        if self._chats or not question:
            return 0
        if self._encodes or "position_ids" in self._takes:
            return 1
        return len(self._processor.tokenizer(question)["input_ids"])

    def inputs(self, looks: Sequence[Look]) -> Inputs:
        """Make inputs of rows of one kind; raises whatever the processor does."""
        images = [Image.fromarray(pixels) for pixels, _ in looks]
        questions = [question for _, question in looks]
        padding = {"padding": True, "padding_side": "right" if self._encodes else "left"}
        if self._chats:
            made = self._processor.apply_chat_template(
                [_conversation(*look) for look in zip(images, questions, strict=True)],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                processor_kwargs={**padding, "return_tensors": "pt"},
            )
        elif questions[0]:
            made = self._processor(images=images, text=questions, return_tensors="pt", **padding)
        else:
            made = self._processor(images=images, return_tensors="pt")
        if "token_type_ids" not in self._takes:  # BERT's tokenizer makes them for all models
            made.pop("token_type_ids", None)
        return {name: self._here(value) for name, value in made.items() if torch.is_tensor(value)}

    def _here(self, value: torch.Tensor) -> torch.Tensor:
        dtype = self._model.dtype if value.is_floating_point() else value.dtype
        return value.to(self._model.device, dtype)

    def prompts(self, inputs: Inputs, rows: int) -> list[list[int]]:
        """Give the tokens of each row's prompt, padding left out."""
        ids = inputs.get("input_ids")
        if ids is None:
            return [[] for _ in range(rows)]
        mask = inputs.get("attention_mask", torch.ones_like(ids)).bool()
        return [row[kept].tolist() for row, kept in zip(ids.cpu(), mask.cpu(), strict=True)]

    def generate(
        self, inputs: Inputs, *, most: int, choose: LogitsProcessor, take: StoppingCriteria
    ) -> None:
        """Generate at most so many tokens a row: ``choose`` changes scores, ``take`` ends rows."""
        self._model.generate(
            **inputs, max_new_tokens=most, logits_processor=[choose], stopping_criteria=[take]
        )


def _conversation(image: Image.Image, question: str) -> list[dict[str, Any]]:
    content = [{"type": "image", "image": image}, {"type": "text", "text": question}]
    return [{"role": "user", "content": content}]


def _marks(processor: Any) -> list[str]:
    """List what a processor takes for more than its letters."""
    special = [
        token.content
        for token in processor.tokenizer.added_tokens_decoder.values()
        if token.special and token.content.strip()
    ]
    image = getattr(processor, "image_token", None)
    return [*special, image] if image else special


def _take_ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """Find the model's ends and take them from it: each row has its own, and may want none.

    Only what belongs to the model stays in its generation configuration, such as the first token
    and those that never come; how tokens are chosen is ours.
    """
    text = model.config.get_text_config(decoder=True)
    places = [
        getattr(text, "sep_token_id", None),  # BLIP's end, which it hands to generate itself
        model.generation_config.eos_token_id,
        text.eos_token_id,
        tokenizer.eos_token_id,
    ]
    if places[0] is not None:
        text.sep_token_id = None
    config = _library.GenerationConfig
    for part in model.modules():
        if isinstance(given := getattr(part, "generation_config", None), config):
            kept = {name: getattr(given, name, None) for name in _KEPT}
            part.generation_config = config(**kept)
    ends: list[int] | int = next((place for place in places if place is not None), [])
    return frozenset(ends if isinstance(ends, list) else [ends])

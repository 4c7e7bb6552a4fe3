"""Texts to token ids."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convoy import Batch, ConvoyError, Tensor
from convoy.errors import invalid
from convoy.tensor import ascending
from convoy_services.embedding.model import locate
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Preprocess

if TYPE_CHECKING:
    from tokenizers import Tokenizer


LETTERS = 32
"""For each token that is kept, how much of a text is looked at first."""


class Tokenize(Preprocess):
    """Texts to the token ids that a model was trained on: text BYTES [] → input_ids INT64 [-1].

    Texts are UTF-8; a row that is not is refused alone. What exceeds ``max_tokens`` is cut off,
    the special tokens counted in. ``tokens`` INT32 [] is how many are left.
    """

    consumes = Columns(text=Column("BYTES"))
    produces = Columns(input_ids=Column("INT64", [-1]), tokens=Column("INT32"))

    def __init__(self, *, model: str, max_tokens: int = 256) -> None:
        """Take a Hugging Face model by hub id or folder."""
        self._model = model
        self._max_tokens = max_tokens

    def load(self) -> None:
        """Read the tokenizer; raises OSError where the model has none."""
        self._tokenizer = _open(locate(self._model))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self._max_tokens)

    def process(self, batch: Batch) -> Batch:
        """Tokenize all texts at once."""
        texts, failures = _decode(batch["text"])
        ids = self._ids(texts)
        tokens = [len(row) for row in ids]
        input_ids = Tensor(
            datatype=self.produces["input_ids"].datatype,
            rows=batch.rows,
            shape=(-1,),
            data=np.array([token for row in ids for token in row], np.int64),
            splits=ascending(tokens),
        )
        return self.produces.pack(
            rows=batch.rows,
            failures=failures,
            input_ids=input_ids,
            tokens=np.array(tokens, np.int32),
        )

    def _ids(self, texts: list[str]) -> list[list[int]]:
        """Tokenize as much of each text as is kept: the tokenizer itself cuts when all is done."""
        heads = [_head(text, LETTERS * self._max_tokens) for text in texts]
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(heads)]
        for n, head in enumerate(heads):
            if len(head) < len(texts[n]) and len(ids[n]) < self._max_tokens:
                ids[n] = self._tokenizer.encode(texts[n]).ids
        return ids


def _head(text: str, letters: int) -> str:
    """Cut a text at the last space within so many letters, if there is one."""
    if len(text) <= letters:
        return text
    end = text.rfind(" ", 0, letters)
    return text[:end] if end > 0 else text


def _open(model: str) -> "Tokenizer":
    file = Path(model) / "tokenizer.json"
    if file.is_file():
        from tokenizers import Tokenizer

        return Tokenizer.from_file(str(file))
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model).backend_tokenizer


def _decode(tensor: Tensor) -> tuple[list[str], dict[int, ConvoyError]]:
    """Decode each text; one that is not UTF-8 becomes empty and fails."""
    failures: dict[int, ConvoyError] = {}
    texts: list[str] = []
    for row, element in enumerate(tensor.elements()):
        try:
            texts.append(element.decode())
        except UnicodeDecodeError as exc:
            texts.append("")
            description = f"the text is not UTF-8 at byte {exc.start}"
            failures[row] = invalid("text", description, reason="INVALID_UTF8")
    return texts, failures

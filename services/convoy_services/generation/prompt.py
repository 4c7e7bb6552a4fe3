"""Texts, conversations and tokens to what a model goes on with."""

from collections.abc import Sequence
from inspect import signature
from typing import Any, cast

import numpy as np

from convoy import Batch, ConvoyError, Tensor
from convoy.errors import invalid
from convoy.tensor import Index, ascending
from convoy_services.generation.model import limits, tokenizer
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Divisible, Preprocess

LETTERS = 32
"""For each token that there is room for, how much of a text is looked at first."""

SAID = 200
"""Letters of a template's own words that a caller is told."""


PART = 128 * 1024
"""Bytes of the rows after which others get their turn."""

SANITIZES = "sanitize_control_tokens"
"""The argument of a template, from transformers 5.20 on."""


class Prompt(Preprocess, Divisible):
    """Makes token ids of one of a row's three: prompt, prompt_ids, or roles and contents.

    prompt BYTES [] is a text, prompt_ids INT64 [-1] are tokens, roles and contents BYTES [-1] the
    turns of a conversation → input_ids INT64 [-1], never empty. A row that gives none or several,
    that is not UTF-8 or is too long fails alone, as INVALID_ARGUMENT by the field's name.

    Special tokens: in ``prompt`` a text such as ``<|im_end|>`` is the token of that name, as with
    the model's own tokenizer, because callers who write a model's format themselves need it; so a
    prompt is in its caller's hands altogether, and whoever puts the words of others into one is
    better off with messages. In messages it is not: what stands in a content is text, and only the
    template writes special tokens (transformers' ``sanitize_control_tokens``; where transformers is
    too old for it, as vLLM may want it, a content that holds one is refused). What remains are
    tokens that a template itself puts together out of a role, such as ``'<|' + role + '|>'``:
    roles are therefore short words.
    """

    consumes = Columns(
        prompt=Column("BYTES", default=b""),
        prompt_ids=Column("INT64", [-1], default=()),
        roles=Column("BYTES", [-1], default=()),
        contents=Column("BYTES", [-1], default=()),
    )
    produces = Columns(input_ids=Column("INT64", [-1]))

    def __init__(self, *, model: str, max_tokens: int | None = None) -> None:
        """Take a model by hub id or folder, and the most tokens of a prompt.

        ``max_tokens`` None: as many as leave the model room for one more.
        """
        if max_tokens is not None and max_tokens < 1:
            raise ValueError("max_tokens: take at least 1, or none for what the model takes")
        self._model = model
        self._max_tokens = max_tokens

    def load(self) -> None:
        """Read the tokenizer; raises OSError where the model has none."""
        self._tokenizer = tokenizer(self._model)
        takes = limits(self._model)
        self._vocabulary = takes.vocabulary
        self._most = self._max_tokens or (takes.positions - 1 if takes.positions else None)
        try:
            self._tokenizer.get_chat_template()
            self._chats = True
        except ValueError:
            self._chats = False
        takes_words = signature(self._tokenizer.apply_chat_template).parameters
        self._sanitizes: dict[str, Any] = {SANITIZES: True} if SANITIZES in takes_words else {}
        added = self._tokenizer.added_tokens_decoder.values()
        named = {token.content for token in added if token.special}
        self._special = sorted(named.union(self._tokenizer.all_special_tokens))

    def warm(self) -> None:
        """Use the template once: it is compiled then. Raises where it is not well-formed."""
        if self._chats:
            self._row(b"", [], [b"user"], [b"Hello"])

    def cut(self, batch: Batch) -> list[Index]:
        """Cut neighbours into parts that take little time."""
        sizes = sum(_bytes(batch[name]) for name in ("prompt", "prompt_ids", "contents"))
        parts = np.cumsum(sizes) // PART
        return np.split(np.arange(batch.rows), np.flatnonzero(np.diff(parts)) + 1)

    def process(self, batch: Batch) -> Batch:
        """Do each row by itself."""
        columns = [batch[name].tolist() for name in self.consumes]
        ids: list[Sequence[int]] = []
        failures: dict[int, ConvoyError] = {}
        for row, given in enumerate(zip(*columns, strict=True)):
            made = self._row(*given)
            if isinstance(made, ConvoyError):
                failures[row] = made
            ids.append(() if isinstance(made, ConvoyError) else made)
        input_ids = Tensor(
            datatype=self.produces["input_ids"].datatype,
            rows=batch.rows,
            shape=(-1,),
            data=np.array([token for one in ids for token in one], np.int64),
            splits=ascending([len(one) for one in ids]),
        )
        return self.produces.pack(rows=batch.rows, failures=failures, input_ids=input_ids)

    def _row(
        self, prompt: bytes, prompt_ids: list[int], roles: list[bytes], contents: list[bytes]
    ) -> Sequence[int] | ConvoyError:
        try:
            messages = bool(roles or contents)
            if bool(prompt) + bool(prompt_ids) + messages != 1:
                raise invalid("prompt", "give exactly one of a text, tokens, and messages")
            if messages:
                field, ids = "contents", self._chat(roles, contents)
            elif prompt:
                field, ids = "prompt", self._text(prompt)
            else:
                field, ids = "prompt_ids", self._tokens(prompt_ids)
            self._check(field, ids)
        except ConvoyError as refused:
            return refused
        return ids

    def _tokens(self, ids: list[int]) -> list[int]:
        for n, token in enumerate(ids):
            if not 0 <= token < self._vocabulary:
                raise invalid(f"prompt_ids[{n}]", f"take 0 to {self._vocabulary - 1}")
        return ids

    def _text(self, prompt: bytes) -> list[int]:
        text = _decode("prompt", prompt)
        self._glance("prompt", text)
        return self._encode(text, special=True)

    def _chat(self, roles: list[bytes], contents: list[bytes]) -> list[int]:
        from jinja2 import TemplateError, TemplateRuntimeError

        if len(roles) != len(contents):
            raise invalid("contents", f"there are {len(roles)} roles, {len(contents)} contents")
        if not self._chats:
            told = "the model has no chat template; give it a prompt"
            raise invalid("contents", told, reason="NO_CHAT_TEMPLATE")
        messages = [
            {"role": _role(n, role), "content": _decode(f"contents[{n}]", content)}
            for n, (role, content) in enumerate(zip(roles, contents, strict=True))
        ]
        self._glance("contents", "\n".join(message["content"] for message in messages))
        if not self._sanitizes:
            self._refuse_special(messages)
        # What raises in the midst of a template says nothing that a caller understands, but for
        # what the template itself refuses; one that is not well-formed fails the replica's start.
        try:
            ids = self._tokenizer.apply_chat_template(
                messages,
                add_generation_prompt=True,
                return_dict=False,
                **self._sanitizes,
            )
        except (TemplateRuntimeError, TypeError, ValueError) as exc:
            raise invalid("contents", "the model's chat template cannot take them") from exc
        except TemplateError as exc:
            if type(exc) is not TemplateError:
                raise
            told = f"the model's chat template refuses them: {_short(str(exc))}"
            raise invalid("contents", told) from exc
        return cast(list[int], ids)

    def _refuse_special(self, messages: list[dict[str, str]]) -> None:
        """Raise where a content holds a special token, which the template would let through."""
        for n, message in enumerate(messages):
            for token in self._special:
                if token in message["content"]:
                    told = f"it holds the model's special token {token}"
                    raise invalid(f"contents[{n}]", told, reason="SPECIAL_TOKEN")

    def _encode(self, text: str, *, special: bool) -> list[int]:
        # Not verbose: what is too long is refused, and need not be logged.
        encoded: Any = self._tokenizer(text, add_special_tokens=special, verbose=False)
        return cast(list[int], encoded["input_ids"])

    def _glance(self, field: str, text: str) -> None:
        """Refuse what is far too long by its beginning: all of it would take seconds."""
        if self._most is None or len(text) <= (letters := LETTERS * self._most):
            return
        end = text.rfind(" ", 0, letters)
        head = len(self._encode(text[: end if end > 0 else letters], special=False))
        if head > self._most + LETTERS:  # the last token may have been cut into several
            raise invalid(field, f"more than {self._most} tokens, which is the limit")

    def _check(self, field: str, ids: Sequence[int]) -> None:
        if not len(ids):
            raise invalid(field, "there is no token in it")
        if self._most is not None and len(ids) > self._most:
            raise invalid(field, f"{len(ids)} tokens; the limit is {self._most}")
        # A tokenizer may know more than its model: such a token would end the engine.
        if max(ids) >= self._vocabulary:
            raise invalid(field, f"token {max(ids)} is none of the model's {self._vocabulary}")


def _bytes(tensor: Tensor) -> Index:
    """Give the bytes of each row."""
    ends = np.arange(tensor.rows + 1) if tensor.splits is None else tensor.splits
    return np.diff(ends * tensor.data.itemsize if tensor.offsets is None else tensor.offsets[ends])


def _decode(field: str, text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as exc:
        told = f"the text is not UTF-8 at byte {exc.start}"
        raise invalid(field, told, reason="INVALID_UTF8") from exc


def _role(n: int, role: bytes) -> str:
    word = _decode(f"roles[{n}]", role)
    if not 1 <= len(word) <= 64 or not word.replace("_", "").replace("-", "").isalnum():
        raise invalid(f"roles[{n}]", "take a word of 1 to 64 letters, digits, _ and -")
    return word


def _short(said: str) -> str:
    """Cut a template's words to one line; they may hold what a caller wrote."""
    line = "".join(letter if letter.isprintable() else " " for letter in said)
    return line if len(line) <= SAID else f"{line[:SAID]} …"

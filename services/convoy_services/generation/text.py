"""Tokens to text, as they come."""

import codecs
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from convoy_services.generation.spelling import Spelling

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BROKEN = "\ufffd"
"""Stands for bytes that are no character."""

_SPACED = (" ", " '", " n", " n'", " 'v", " 'r")
"""How the places begin that ``clean_up_tokenization`` changes."""

_PROBE = "It's a test,  isn't it? Naïve 日本 🦜\n\t(1.5) "


class Texts:
    """Makes a ``Text`` for each sequence of one tokenizer."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        """Raise ValueError for a tokenizer whose decoding is of a kind that cannot be streamed."""
        self.spelling = Spelling(tokenizer)
        self._clean = tokenizer.clean_up_tokenization if _cleans(tokenizer) else None
        probe = tokenizer.encode(_PROBE)
        text = self.new()
        if text.add(probe) + text.end() != tokenizer.decode(probe, skip_special_tokens=True):
            raise ValueError(f"texts of a {type(tokenizer).__name__} like this cannot be streamed")

    def new(self) -> "Text":
        """Begin a text."""
        bits: _Bits = _Stream() if self.spelling.byte_level else _Runs()
        return Text(self.spelling, bits, _Cleanup(self._clean) if self._clean else _AsItIs())


class Text:
    """One sequence's text; what it gives is, put together, what the tokenizer's ``decode`` gives.

    Special tokens are skipped and what is cleaned up is cleaned up, as there. What may yet change
    is kept back: the bytes of a character that is not whole, a space before what may be a comma.
    There is one difference. Of a run of byte tokens (SentencePiece's ``<0xE2>``) that is not all
    valid, ``decode`` makes U+FFFD of every byte; here the characters that were whole by then have
    been given, and stay.

    tokenizers' ``DecodeStream`` does not do: it knows no end, so that the last bytes are lost, it
    cleans nothing up, and it holds back without limit what is no character and never will be.
    """

    def __init__(self, spelling: Spelling, bits: "_Bits", finish: "_Finish") -> None:
        """Begin with nothing."""
        self._spelling = spelling
        self._bits = bits
        self._finish = finish
        self._first = True

    def add(self, tokens: Iterable[int]) -> str:
        """Give the text that is certain now; it may be empty."""
        made = ""
        for token in tokens:
            spelled = self._spelling.of(token, first=self._first)
            if spelled is not None:
                self._first = False
                made += self._bits.add(spelled)
        return self._finish.add(made)

    def end(self) -> str:
        """Give what is left; bytes that never became a character are U+FFFD."""
        return self._finish.add(self._bits.end()) + self._finish.end()


class _Bits(Protocol):
    """Puts characters together."""

    def add(self, spelled: str | bytes) -> str: ...

    def end(self) -> str: ...


class _Stream:
    """Bytes that run on through all tokens."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, spelled: str | bytes) -> str:
        assert isinstance(spelled, bytes)
        return self._decoder.decode(spelled)

    def end(self) -> str:
        return self._decoder.decode(b"", final=True)


class _Runs:
    """Text with runs of single bytes in it; from where a run is broken each byte is U+FFFD."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._part = b""
        self._broken = False

    def add(self, spelled: str | bytes) -> str:
        if isinstance(spelled, str):
            return self.end() + spelled
        if self._broken:
            return BROKEN
        self._part += spelled
        try:
            character, used = codecs.utf_8_decode(self._part, "strict", False)
        except UnicodeDecodeError:
            self._broken = True
            character, used = BROKEN * len(self._part), len(self._part)
        self._part = self._part[used:]
        return character

    def end(self) -> str:
        left = BROKEN * len(self._part)
        self._reset()
        return left


class _Finish(Protocol):
    """Does what is done to a text after its characters are there."""

    def add(self, text: str) -> str: ...

    def end(self) -> str: ...


class _AsItIs:
    """Nothing is done."""

    def add(self, text: str) -> str:
        return text

    def end(self) -> str:
        return ""


class _Cleanup:
    """Takes spaces before punctuation out, as ``clean_up_tokenization`` does for whole texts.

    It may be done part by part where no part begins within what it changes: all of that begins
    with a space, and only `` ' `` has another one.
    """

    def __init__(self, clean: Callable[[str], str]) -> None:
        self._clean = clean
        self._held = ""

    def add(self, text: str) -> str:
        self._held += text
        cut = len(self._held)
        begun = max((len(start) for start in _SPACED if self._held.endswith(start)), default=0)
        if begun:
            cut -= begun
            while self._held[max(0, cut - 2) : cut] == " '":
                cut -= 2
        done, self._held = self._held[:cut], self._held[cut:]
        return self._clean(done)

    def end(self) -> str:
        done, self._held = self._held, ""
        return self._clean(done)


def _cleans(tokenizer: "PreTrainedTokenizerBase") -> bool:
    """Tell whether ``decode`` cleans up: transformers spares BPE, whose spaces are the text's."""
    if not tokenizer.clean_up_tokenization_spaces:
        return False
    backend = getattr(tokenizer, "backend_tokenizer", None)
    forced = tokenizer.clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output
    return bool(forced) or type(getattr(backend, "model", None)).__name__ != "BPE"

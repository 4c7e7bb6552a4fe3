"""How each token is spelled."""

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class Spelling:
    """What each token of a tokenizer adds to a text: str, or bytes that need not be characters.

    It is read off the tokenizer's own decoding once a token, so that a text is a matter of
    look-ups: what a decoder adds for a token depends on nothing but whether it is the first. That
    holds for byte-level BPE, for SentencePiece's with and without byte fallback, for WordPiece,
    and where there is no decoder; ``Texts`` refuses a tokenizer for which it does not.
    """

    def __init__(self, tokenizer: "PreTrainedTokenizerBase") -> None:
        """Take a tokenizer, which stays the caller's to use."""
        self._tokenizer = tokenizer
        backend = getattr(tokenizer, "backend_tokenizer", None)
        decoder = backend.decoder.__getstate__() if backend and backend.decoder else b""
        self.byte_level = b'"ByteLevel"' in decoder
        """Whether bytes run on from token to token, in all of a text."""
        self._fallback = b'"ByteFallback"' in decoder
        added = tokenizer.added_tokens_decoder.items()
        self._special = frozenset(id for id, token in added if token.special)
        self._first: dict[int, str | bytes | None] = {}
        self._later: dict[int, str | bytes | None] = {}

    def of(self, token: int, *, first: bool) -> str | bytes | None:
        """Give what a token adds to a text, or None for one that is special or unknown.

        ``first`` means that nothing but such tokens came before.
        """
        known = self._first if first else self._later
        if token not in known:
            known[token] = None if token in self._special else self._read(token, first=first)
        return known[token]

    def raw(self, token: int) -> bytes:
        """Give a token's bytes as they stand in the midst of a text; a special token's name."""
        if token in self._special:
            return self._name(token).encode()
        spelled = self.of(token, first=False) or b""
        return spelled.encode() if isinstance(spelled, str) else spelled

    def _read(self, token: int, *, first: bool) -> str | bytes | None:
        name = self._name(token)
        if not name:
            return None
        if self.byte_level:
            letters = _letters()
            whole = all(letter in letters for letter in name)
            return bytes(letters[letter] for letter in name) if whole else name.encode()
        alone = self._decode([token])
        if self._fallback and (byte := _BYTE.fullmatch(name)):
            return bytes.fromhex(byte[1]) if alone or not first else ""
        return alone if first else self._decode([token, token])[len(alone) :]

    def _name(self, token: int) -> str:
        """Give the vocabulary's word; models may have more tokens than their tokenizers."""
        name = self._tokenizer.convert_ids_to_tokens(token)
        return name if isinstance(name, str) else ""

    def _decode(self, tokens: list[int]) -> str:
        plain = self._tokenizer.decode(tokens, clean_up_tokenization_spaces=False)
        assert isinstance(plain, str)
        return plain


@cache
def _letters() -> dict[str, int]:
    """Give the byte that each letter of a byte-level vocabulary stands for."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    table: dict[int, str] = bytes_to_unicode()  # type: ignore[no-untyped-call] # ships no types
    return {letter: byte for byte, letter in table.items()}

"""How likely tokens were, in the shape of chats and in that of completions."""

import codecs
from collections.abc import Iterable

from convoy.v1 import generation_pb2 as pb
from convoy_gateway.openai.answers import ChatLogprobs, ChosenToken, LikelyToken, TextLogprobs

LEAST = -9999.0
"""Stands for minus infinity, which JSON has not, as with OpenAI."""


def of_chat(tokens: Iterable[pb.GeneratedToken]) -> ChatLogprobs:
    """Write them as chats have them."""
    return ChatLogprobs(
        content=[
            ChosenToken(
                **_likely(token.chosen).model_dump(),
                top_logprobs=[_likely(likely) for likely in token.likeliest],
            )
            for token in tokens
        ]
    )


class TextTokens:
    """Writes them as completions have them, piece by piece: offsets go on where the last ended."""

    def __init__(self) -> None:
        self._offset = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, tokens: Iterable[pb.GeneratedToken]) -> TextLogprobs:
        """Write the next tokens of the text."""
        told = TextLogprobs(tokens=[], token_logprobs=[], top_logprobs=[], text_offset=[])
        for token in tokens:
            likely = [*token.likeliest, token.chosen]
            told.tokens.append(_text(token.chosen))
            told.token_logprobs.append(_logprob(token.chosen))
            told.top_logprobs.append({_text(each): _logprob(each) for each in likely})
            told.text_offset.append(self._offset)
            self._offset += len(self._decoder.decode(token.chosen.token))
        return told


def _likely(token: pb.TokenLogprob) -> LikelyToken:
    return LikelyToken(token=_text(token), logprob=_logprob(token), bytes=list(token.token))


def _text(token: pb.TokenLogprob) -> str:
    return token.token.decode("utf-8", "backslashreplace")


def _logprob(token: pb.TokenLogprob) -> float:
    return max(token.logprob, LEAST)

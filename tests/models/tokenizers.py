"""Small tokenizers of every kind whose decoding can be streamed."""

import json
from functools import cache
from itertools import islice

from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE, Unigram, WordLevel, WordPiece
from tokenizers.trainers import BpeTrainer, UnigramTrainer, WordLevelTrainer, WordPieceTrainer
from transformers import PreTrainedTokenizerFast

from tests.models import causal

BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
SPECIAL = ["<unk>", "<s>", "</s>"]
TEXTS = list(islice(causal.docstrings(), 60))


@cache
def byte_level() -> PreTrainedTokenizerFast:
    """As GPT-2, Llama 3 and Qwen have it; with a token of its own that is not special."""
    tokenizer = causal.tokenizer(600, 512)
    tokenizer.add_tokens(["<think>", "日本"])
    return tokenizer


@cache
def sentencepiece() -> PreTrainedTokenizerFast:
    """As Llama 2 and Mistral have it: bytes stand for what is not in the vocabulary."""
    made = Tokenizer(BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    made.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    made.train_from_iterator(
        TEXTS,
        BpeTrainer(
            vocab_size=800,
            special_tokens=[*SPECIAL, *BYTES],
            max_token_length=8,
            show_progress=False,
        ),
    )
    # The trainer calls bytes special, which models' files do not.
    return _fast(_plain(made, BYTES))


@cache
def metaspace() -> PreTrainedTokenizerFast:
    """As T5's and ALBERT's descendants have it."""
    made = Tokenizer(Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    trainer = UnigramTrainer(
        vocab_size=500, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False
    )
    made.train_from_iterator(TEXTS, trainer)
    return _fast(made)


@cache
def word_piece() -> PreTrainedTokenizerFast:
    """As BERT has it, whose spaces before punctuation are taken out afterwards."""
    made = Tokenizer(WordPiece(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece(cleanup=False)
    made.train_from_iterator(
        TEXTS, WordPieceTrainer(vocab_size=700, special_tokens=SPECIAL, show_progress=False)
    )
    tokenizer = _fast(made, clean_up_tokenization_spaces=True)
    tokenizer.add_tokens(["n't", "'s", "'ve"])
    return tokenizer


@cache
def words() -> PreTrainedTokenizerFast:
    """Whole words, and no decoder: they are put together with spaces."""
    made = Tokenizer(WordLevel(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.train_from_iterator(
        TEXTS, WordLevelTrainer(vocab_size=400, special_tokens=SPECIAL, show_progress=False)
    )
    return _fast(made)


KINDS = (byte_level, sentencepiece, metaspace, word_piece, words)


def _fast(
    made: Tokenizer, *, clean_up_tokenization_spaces: bool = False
) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        clean_up_tokenization_spaces=clean_up_tokenization_spaces,
    )


def _plain(made: Tokenizer, names: list[str]) -> Tokenizer:
    """Let some tokens be words of the vocabulary alone."""
    state = json.loads(made.to_str())
    state["added_tokens"] = [one for one in state["added_tokens"] if one["content"] not in names]
    return Tokenizer.from_str(json.dumps(state))

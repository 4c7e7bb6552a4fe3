"""Tokens to text, step by step."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

from convoy import Batch, Code, ConvoyError, Tensor
from convoy_services.generation import Detokenize
from convoy_services.generation import detokenize as module
from convoy_services.generation.engines.engine import Finish
from convoy_services.generation.stops import Stops
from convoy_services.generation.text import Texts, _Cleanup
from convoy_services.mesh.increment import Increment
from tests.models.tokenizers import KINDS, TEXTS, byte_level, sentencepiece, word_piece

Kind = Callable[[], PreTrainedTokenizerFast]

BIRD = "🦜"
GOES_ON, STOP, LENGTH = int(Finish.NONE), int(Finish.STOP), int(Finish.LENGTH)

any_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__wrapped__.__name__)


# Texts by themselves


def parts(kind: Kind, tokens: Sequence[int], step: int = 1) -> list[str]:
    text = Texts(kind()).new()
    cut = [tokens[n : n + step] for n in range(0, len(tokens), step)]
    return [*(text.add(some) for some in cut), text.end()]


def decoded(kind: Kind, tokens: Sequence[int]) -> str:
    text = kind().decode(list(tokens), skip_special_tokens=True)
    assert isinstance(text, str)
    return text


def bytes_of(text: str | bytes) -> list[int]:
    """Give the byte tokens of a text."""
    raw = text.encode() if isinstance(text, str) else text
    return [sentencepiece().convert_tokens_to_ids(f"<0x{byte:02X}>") for byte in raw]


@any_kind
@pytest.mark.parametrize(
    "text",
    [
        "It's a test, isn't it? We've (seen) 'em .",
        "  two  spaces\n\n\tand tabs ",
        f"naïve 日本語 {BIRD}{BIRD} e\u0301 👨‍👩‍👧",
        "",
    ],
)
@pytest.mark.parametrize("step", [1, 3])
def test_parts_make_the_text_that_decode_makes(kind: Kind, text: str, step: int) -> None:
    tokens = kind()(text)["input_ids"]
    assert "".join(parts(kind, tokens, step)) == decoded(kind, tokens)


@pytest.mark.parametrize(
    "kind",
    [kind for kind in KINDS if kind is not sentencepiece],
    ids=lambda k: k.__wrapped__.__name__,
)
@given(data=st.data())
def test_any_tokens_make_the_text_that_decode_makes(kind: Kind, data: st.DataObject) -> None:
    """Also those that no text has, such as half a character, special ones and unknown ones."""
    tokens = data.draw(st.lists(st.integers(0, len(kind()) + 3), max_size=24))
    assert "".join(parts(kind, tokens)) == decoded(kind, tokens)


ordinary = st.integers(259, 799).map(lambda token: [token])
special = st.sampled_from([[0], [1], [2], [1, 2]])
character = st.characters(exclude_categories=["Cs"]).map(bytes_of)
broken = st.tuples(
    ordinary,
    st.sampled_from([b"\xff", b"\xc3", b"\xf0\x9f\xa6", b"\x80\x80", b"\xed\xa0\x80"]).map(
        bytes_of
    ),
    ordinary,
).map(lambda three: [token for part in three for token in part])


@given(st.lists(st.one_of(ordinary, special, character, broken), max_size=12))
def test_single_bytes_make_the_text_that_decode_makes(some: list[list[int]]) -> None:
    tokens = [token for part in some for token in part]
    assert "".join(parts(sentencepiece, tokens)) == decoded(sentencepiece, tokens)


def test_a_character_that_was_whole_stays_though_bytes_after_it_are_broken() -> None:
    """``decode`` makes U+FFFD of it, too: it would have to be kept back for the whole run."""
    tokens = [*bytes_of(BIRD), *bytes_of(b"\xf0\x9f")]
    assert decoded(sentencepiece, tokens) == "\ufffd" * 6
    assert "".join(parts(sentencepiece, tokens)) == BIRD + "\ufffd" * 2


@pytest.mark.parametrize("kind", [byte_level, sentencepiece])
def test_a_character_over_several_tokens_comes_when_it_is_whole(kind: Kind) -> None:
    tokens = kind()(BIRD, add_special_tokens=False)["input_ids"][-4:]
    assert parts(kind, tokens) == ["", "", "", BIRD, ""]


@pytest.mark.parametrize("kind", [byte_level, sentencepiece])
def test_a_character_that_never_becomes_whole_is_told_at_the_end(kind: Kind) -> None:
    tokens = kind()(BIRD, add_special_tokens=False)["input_ids"][-4:][:3]
    *held, last = parts(kind, tokens)
    assert held == ["", "", ""]
    assert last == decoded(kind, tokens)
    assert set(last) == {"\ufffd"}


def test_what_can_be_no_character_is_not_kept_back() -> None:
    tokens = [byte_level().convert_tokens_to_ids("ÿ")] * 4
    assert parts(byte_level, tokens) == ["\ufffd"] * 4 + [""]


@given(st.lists(st.text(st.sampled_from(" '.,?!ntmsvrea"), max_size=6), max_size=12))
@settings(max_examples=400)
def test_cleaning_up_part_by_part_gives_what_the_whole_gives(some: list[str]) -> None:
    clean = word_piece().clean_up_tokenization
    cleanup = _Cleanup(clean)
    assert "".join([*map(cleanup.add, some), cleanup.end()]) == clean("".join(some))


def test_a_word_is_not_kept_back_by_cleaning_up() -> None:
    words = ["the", "list", "of"]
    tokens = word_piece().convert_tokens_to_ids(words)
    assert parts(word_piece, tokens) == ["the", " list", " of", ""]


def test_a_tokenizer_that_cannot_be_streamed_is_refused() -> None:
    made = Tokenizer(BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.decoder = decoders.BPEDecoder()
    trainer = BpeTrainer(
        special_tokens=["<unk>"], end_of_word_suffix="</w>", vocab_size=300, show_progress=False
    )
    made.train_from_iterator(TEXTS, trainer)
    with pytest.raises(ValueError, match="cannot be streamed"):
        Texts(PreTrainedTokenizerFast(tokenizer_object=made))


@any_kind
def test_the_bytes_of_tokens_make_the_text(kind: Kind) -> None:
    spelling = Texts(kind()).spelling
    tokens = kind()("the list of names 🦜", add_special_tokens=False)["input_ids"]
    known = [token for token in tokens if token != kind().unk_token_id]
    raw = b"".join(spelling.raw(token) for token in known).decode()
    plain = kind().decode(known, clean_up_tokenization_spaces=False)
    assert raw.lstrip() == plain


def test_the_bytes_of_a_special_token_are_its_name() -> None:
    spelling = Texts(byte_level()).spelling
    assert spelling.raw(2) == b"</s>"
    assert spelling.raw(10_000) == b""


# Stop texts by themselves


def first_stop(text: str, stops: Sequence[str]) -> str:
    """Cut a text before the stop that is complete first, letter by letter."""
    for end in range(1, len(text) + 1):
        hits = [end - len(stop) for stop in stops if text[:end].endswith(stop)]
        if hits:
            return text[: min(hits)]
    return text


letters = st.text(st.sampled_from("ab "), max_size=6)


@given(st.lists(letters, max_size=12), st.lists(letters.filter(bool), max_size=3))
@settings(max_examples=400)
def test_a_text_ends_before_its_first_stop_however_it_is_cut(
    some: list[str], wanted: list[str]
) -> None:
    stops = Stops(wanted)
    given_out = ""
    for part in some:
        given_out += stops.add(part)
        if stops.hit:
            break
    given_out += stops.end()
    whole = "".join(some)
    assert given_out == first_stop(whole, wanted)
    assert stops.hit == any(stop in whole for stop in wanted)


def test_what_may_be_the_beginning_of_a_stop_is_kept_back_until_it_is_known() -> None:
    stops = Stops(["\n\nUser:"])
    assert [stops.add(part) for part in ("One\n", "\nUs", "ed", "\n")] == [
        "One",
        "",
        "\n\nUsed",
        "",
    ]
    assert stops.end() == "\n"


# The stage


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Detokenize:
    monkeypatch.setattr(module, "tokenizer", lambda model: byte_level())
    made = Detokenize(model="some/model")
    made.load()
    return made


def begin(stage: Detokenize, *stops: Sequence[str | bytes]) -> None:
    """Begin with rows 10, 11 …"""
    stop = Tensor.pack(list(stops), stage.consumes["stop"].datatype, (-1,))
    ids = np.arange(10, 10 + len(stops), dtype=np.uint64)
    stage.begin(ids, Batch(rows=len(stops), columns={"stop": stop}))


def step(stage: Detokenize, *rows: tuple[int, Sequence[int], int], **more: Any) -> Increment:
    """Take a step of rows: number, tokens and finish."""
    news = stage.consumes | {}
    del news["stop"]
    failures: dict[int, ConvoyError] = more.pop("failures", {})
    values = {
        "token_ids": [list(tokens) for _, tokens, _ in rows],
        "finish": [finish for _, _, finish in rows],
        "logprob": more.get("logprob", [[] for _ in rows]),
        "likeliest_ids": more.get("likeliest_ids", [[] for _ in rows]),
    }
    batch = type(stage.consumes)(news).pack(rows=len(rows), failures=failures, **values)
    ids = np.array([id for id, _, _ in rows], np.uint64)
    ended = np.array([finish != GOES_ON for _, _, finish in rows], np.bool_)
    told = stage.advance(Increment(ids=ids, batch=batch, ended=ended))
    stage.produces.check(told.batch)
    for column in told.batch.columns.values():
        column.check()
    assert told.ids.tolist() == ids.tolist()
    return told


def texts(told: Increment) -> list[str]:
    return told.batch["text"].strings()


def tokens_of(text: str) -> list[int]:
    ids: list[int] = byte_level()(text, add_special_tokens=False)["input_ids"]
    return ids


def test_rows_go_on_side_by_side(stage: Detokenize) -> None:
    begin(stage, [], [])
    one, other = tokens_of("a" + BIRD)[-4:], tokens_of("xyz")
    told = step(stage, (10, one[:2], GOES_ON), (11, other, GOES_ON))
    assert texts(told) == ["", "xyz"]
    told = step(stage, (11, other, GOES_ON), (10, one[2:], GOES_ON))
    assert texts(told) == ["xyz", BIRD]
    assert told.ended.tolist() == [False, False]
    assert told.batch["finish_reason"].tolist() == [GOES_ON, GOES_ON]


def test_the_models_end_ends_the_text_and_adds_nothing(stage: Detokenize) -> None:
    begin(stage, [])
    told = step(stage, (10, [*tokens_of("done"), 2], STOP))
    assert texts(told) == ["done"]
    assert told.ended.tolist() == [True]
    assert told.batch["finish_reason"].tolist() == [STOP]


def test_a_token_that_the_request_named_as_its_end_adds_nothing(stage: Detokenize) -> None:
    begin(stage, [])
    told = step(stage, (10, tokens_of("a\n"), STOP))
    assert texts(told) == ["a"]


def test_the_limit_lets_out_what_was_kept_back(stage: Detokenize) -> None:
    begin(stage, ["END"])
    assert texts(step(stage, (10, tokens_of("the E"), GOES_ON))) == ["the "]
    told = step(stage, (10, tokens_of("N"), LENGTH))
    assert texts(told) == ["EN"]
    assert told.batch["finish_reason"].tolist() == [LENGTH]


def test_the_limit_lets_out_half_a_character_as_decode_does(stage: Detokenize) -> None:
    begin(stage, [])
    half = tokens_of(BIRD)[-4:][:2]
    told = step(stage, (10, half, LENGTH))
    assert texts(told) == [decoded(byte_level, half)] == ["\ufffd"]


def test_a_stop_text_over_several_steps_ends_its_row_alone(stage: Detokenize) -> None:
    begin(stage, ["</answer>", "\n\n"], [])
    told = [
        step(stage, (10, tokens_of(part), GOES_ON), (11, tokens_of(part), GOES_ON))
        for part in ("42 </an", "swer", "> and")
    ]
    assert [texts(one)[0] for one in told] == ["42 ", "", ""]
    assert [texts(one)[1] for one in told] == ["42 </an", "swer", "> and"]
    assert [one.ended.tolist() for one in told] == [[False, False]] * 2 + [[True, False]]
    assert told[-1].batch["finish_reason"].tolist() == [STOP, GOES_ON]


def test_a_stop_text_in_the_last_step_is_a_stop(stage: Detokenize) -> None:
    begin(stage, ["END"])
    told = step(stage, (10, tokens_of("the END of"), LENGTH))
    assert texts(told) == ["the "]
    assert told.batch["finish_reason"].tolist() == [STOP]


def test_what_follows_a_stop_text_in_the_same_news_adds_nothing(stage: Detokenize) -> None:
    """Steps that were joined bring a row twice."""
    begin(stage, ["END"])
    told = step(stage, (10, tokens_of("a END"), GOES_ON), (10, tokens_of("more"), LENGTH))
    assert texts(told) == ["a ", ""]
    assert told.ended.tolist() == [True, True]
    assert told.batch["finish_reason"].tolist() == [STOP, STOP]


def test_a_row_that_was_let_go_of_adds_nothing(stage: Detokenize) -> None:
    begin(stage, [], [])
    stage.forget(np.array([10, 10, 99], np.uint64))
    told = step(stage, (10, tokens_of("a"), GOES_ON), (11, tokens_of("b"), GOES_ON))
    assert texts(told) == ["", "b"]
    assert told.ended.tolist() == [True, False]


def test_a_number_that_comes_again_begins_anew(stage: Detokenize) -> None:
    begin(stage, ["b"])
    step(stage, (10, tokens_of("ab"), GOES_ON))
    stage.forget(np.array([10], np.uint64))
    begin(stage, [])
    assert texts(step(stage, (10, tokens_of("ab"), GOES_ON))) == ["ab"]


def test_a_row_that_failed_stays_failed(stage: Detokenize) -> None:
    begin(stage, [], [])
    error = ConvoyError(Code.INTERNAL, "the engine failed")
    told = step(stage, (10, [], GOES_ON), (11, tokens_of("b"), GOES_ON), failures={0: error})
    assert told.batch.failures == {0: error}
    assert told.ended.tolist() == [True, False]
    assert texts(told)[1] == "b"


@pytest.mark.parametrize(
    ("stops", "field"),
    [(["a", ""], "stop[1]"), ([b"\xff"], "stop[0]"), (["a"] * 17, "stop")],
)
def test_a_stop_text_that_is_none_fails_its_row_alone(
    stage: Detokenize, stops: list[str | bytes], field: str
) -> None:
    begin(stage, stops, [])
    told = step(stage, (10, tokens_of("a"), GOES_ON), (11, tokens_of("b"), GOES_ON))
    assert list(told.batch.failures) == [0]
    error = told.batch.failures[0]
    assert error.code is Code.INVALID_ARGUMENT
    assert error.violations[0].field == field
    assert told.ended.tolist() == [True, False]


def test_bytes_of_tokens_come_where_logprobs_were_asked_for(stage: Detokenize) -> None:
    begin(stage, [], [])
    bird, name = tokens_of(BIRD)[-4:], tokens_of("a</s>")
    told = step(
        stage,
        (10, bird, GOES_ON),
        (11, name, GOES_ON),
        logprob=[[-1.0] * 4, []],
        likeliest_ids=[[bird[0], 2], [5]],
    )
    one, other = told.batch["pieces"].tolist()
    assert one == [bytes([byte]) for byte in BIRD.encode()]
    assert other == []
    assert told.batch["likeliest_pieces"].tolist() == [[BIRD.encode()[:1], b"</s>"], []]


def test_streamed_columns_are_those_that_generate_gives() -> None:
    from convoy_services.generation import Generate

    streamed = {name for name, column in Detokenize.consumes.items() if not column.optional}
    assert streamed <= Generate.produces.keys()
    for name in streamed:
        assert Generate.produces[name].fits(Detokenize.consumes[name])

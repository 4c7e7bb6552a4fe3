"""The engine, over tiny models of two kinds that the real loaders load."""

import json
import shutil
import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoModelForImageTextToText, AutoProcessor

from convoy import Code, ConvoyError
from convoy_services.captioning import model as models
from convoy_services.captioning.engine import BatchedGenerate
from convoy_services.generation.engines.engine import Finish
from convoy_services.mesh.stream_status import StreamStatus

from .running import SIZES, noise, prompt, running, submit, together, tokens

MANY = len(SIZES)
QUESTIONS = ["", "what is it", "is this a very long question about a small image?", "who"]


@pytest.fixture(scope="module", params=["chat", "plain"])
def model(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue(f"{request.param}_model")
    return folder


@cache
def loaded(folder: Path) -> tuple[Any, Any]:
    """Load a model as anyone would."""
    model = AutoModelForImageTextToText.from_pretrained(folder).eval()
    return AutoProcessor.from_pretrained(folder), model


def reference(folder: Path, image: int, question: str, most: int) -> list[int]:
    """What transformers' own generate gives for one image alone."""
    processor, model = loaded(folder)
    if processor.chat_template:
        content = [{"type": "image", "image": models.Image.fromarray(noise(image))}]
        content.append({"type": "text", "text": question or models.ASK})
        inputs = processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
    else:
        texts = {"text": question} if question else {}
        inputs = processor(images=noise(image), return_tensors="pt", **texts)
    before = inputs["input_ids"].shape[1] if "input_ids" in inputs else 1
    if not processor.chat_template and question:
        before -= 1  # BLIP leaves the last one out
    made = model.generate(**inputs, max_new_tokens=most, do_sample=False)
    found: list[int] = made[0, before:].tolist()
    return found


def test_a_batch_gives_token_for_token_what_each_image_gives_alone(model: Path) -> None:
    asked = [prompt(n, question=QUESTIONS[n % 4], max_tokens=4 + 2 * n) for n in range(MANY)]
    with running(model, max_batch=MANY) as (engine, told):
        batch = together(engine, told, asked)
        alone = {}
        for one in asked:
            engine.submit(one)
            told.steps.clear()
            alone[one.id] = told.until_over(one.id)[one.id]
    for one in asked:
        assert tokens(batch[one.id]) == tokens(alone[one.id])
        expected = reference(model, one.id, one.inputs["question"], one.sampling.max_tokens)
        assert tokens(batch[one.id]) == expected
    assert len({tuple(tokens(outputs)[:4]) for outputs in batch.values()}) > MANY // 2


def test_each_step_of_a_batch_is_told_in_one_call(model: Path) -> None:
    with running(model) as (engine, told):
        rows = [prompt(n, max_tokens=3 + n, ignore_eos=True) for n in range(4)]
        together(engine, told, rows)
    assert [sorted(one.id for one in step) for step in told.steps] == [
        *[[0, 1, 2, 3]] * 3,
        [1, 2, 3],
        [2, 3],
        [3],
    ]
    assert all(len(one.token_ids) == 1 for step in told.steps for one in step)
    last = [one for step in told.steps for one in step if one.finish]
    assert [one.finish for one in last] == [Finish.LENGTH] * 4


def test_what_the_model_read_is_counted_with_the_image(chat_model: Path) -> None:
    with running(chat_model) as (engine, told):
        outputs = together(engine, told, [prompt(0), prompt(1), prompt(2, question="what")])
    counts = {id: {one.prompt_tokens for one in steps} for id, steps in outputs.items()}
    processor, _ = loaded(chat_model)
    for id, question in enumerate(["", "", "what"]):
        conversation = models._conversation(
            models.Image.fromarray(noise(id)), question or models.ASK
        )
        made = processor.apply_chat_template(
            conversation, add_generation_prompt=True, tokenize=True, return_dict=True
        )
        assert counts[id] == {np.asarray(made["input_ids"]).size}


def test_the_models_own_end_ends_a_row_and_is_emitted(model: Path, tmp_path: Path) -> None:
    with running(model) as (engine, told):
        free = tokens(together(engine, told, [prompt(1, max_tokens=8)])[1])
    folder = ending_with(model, tmp_path / "model", free[3])
    at = free.index(free[3])
    with running(folder) as (engine, told):
        outputs = together(
            engine,
            told,
            [prompt(1, max_tokens=8), prompt(2, image=1, max_tokens=8, ignore_eos=True)],
        )
    assert tokens(outputs[1]) == free[: at + 1] == reference(folder, 1, "", 8)
    assert outputs[1][-1].finish is Finish.STOP
    assert tokens(outputs[2]) == free
    assert outputs[2][-1].finish is Finish.LENGTH


def ending_with(model: Path, folder: Path, token: int) -> Path:
    """Copy a model whose end is another token."""
    shutil.copytree(model, folder)
    for name in ("config.json", "generation_config.json"):
        config = json.loads((folder / name).read_text())
        config["eos_token_id"] = token
        if "sep_token_id" in config.get("text_config", {}):
            config["text_config"]["sep_token_id"] = token
        (folder / name).write_text(json.dumps(config))
    return folder


def test_a_token_of_the_requests_ends_its_row_alone(model: Path) -> None:
    with running(model) as (engine, told):
        free = tokens(together(engine, told, [prompt(1)])[1])
        told.steps.clear()
        stops = frozenset([free[4]])
        outputs = together(
            engine, told, [prompt(1, stop_token_ids=stops), prompt(2, image=1), prompt(3)]
        )
    assert tokens(outputs[1]) == free[: free.index(free[4]) + 1]
    assert outputs[1][-1].finish is Finish.STOP
    assert tokens(outputs[2]) == free


def test_seeded_sampling_repeats_alone_and_in_company(model: Path) -> None:
    drawn = prompt(0, temperature=1.5, seed=7, top_p=0.95, repetition_penalty=1.2)
    others = [prompt(n, image=0, temperature=1.5, seed=n) for n in range(1, 5)]
    with running(model) as (engine, told):
        alone = tokens(together(engine, told, [drawn])[0])
        told.steps.clear()
        company = together(engine, told, [others[0], drawn, *others[1:]])
    assert tokens(company[0]) == alone
    assert len({tuple(tokens(outputs)) for outputs in company.values()}) == 5


def test_sampling_without_a_seed_differs_each_time(model: Path) -> None:
    with running(model) as (engine, told):
        rows = [prompt(n, image=0, temperature=2.0) for n in range(6)]
        outputs = together(engine, told, rows)
    assert len({tuple(tokens(one)) for one in outputs.values()}) > 1


def test_logprobs_come_where_they_are_asked_for(model: Path) -> None:
    rows = [prompt(0, logprobs=2), prompt(1), prompt(2, logprobs=0, temperature=1.0)]
    with running(model) as (engine, told):
        outputs = together(engine, told, rows)
    for one in outputs[0]:
        (likely,) = one.likely
        assert likely.likeliest[0] == (one.token_ids[0], likely.logprob)
        assert len(likely.likeliest) == 2
        assert likely.logprob < 0
    assert not any(one.likely for one in outputs[1])
    assert all(len(one.likely) == 1 and not one.likely[0].likeliest for one in outputs[2])


def test_a_cancelled_row_is_not_told_of_again_and_its_batch_ends_with_the_others(
    model: Path,
) -> None:
    with running(model) as (engine, told):
        cancelled = threading.Event()
        given = engine._on_step

        def on_step(outputs: Any) -> None:
            given(outputs)
            if not cancelled.is_set():
                engine.cancel(0)  # from the engine's own thread, so between two steps
                cancelled.set()

        engine._on_step = on_step
        submit(
            engine,
            [
                prompt(0, max_tokens=10_000, ignore_eos=True),
                prompt(1, max_tokens=5, ignore_eos=True),
            ],
        )
        outputs = told.until_over(1)
        assert len(outputs[1]) == 5
        engine.submit(prompt(2))  # it would wait for thousands of steps
        told.until_over(2)
    assert [one.id for step in told.steps for one in step].count(0) == 1


def test_a_batch_of_which_all_are_cancelled_ends(model: Path) -> None:
    with running(model) as (engine, told):
        submit(engine, [prompt(n, max_tokens=10_000, ignore_eos=True) for n in range(3)])
        told.next()
        for id in range(3):
            engine.cancel(id)
        told.rest()
        engine.submit(prompt(9))
        told.until_over(9)
        assert engine.stats() == StreamStatus(running=0, waiting=0)
        engine.cancel(12345)


def test_who_waits_may_leave(model: Path) -> None:
    with running(model, max_batch=1) as (engine, told):
        with engine.together():
            engine.submit(prompt(0))
            engine.submit(prompt(1))
            engine.submit(prompt(2))
            engine.cancel(1)
            assert engine.stats().waiting == 2
        told.until_over(0, 2)
    assert not [one for step in told.steps for one in step if one.id == 1]


def test_more_than_may_wait_are_refused(model: Path) -> None:
    with running(model, max_waiting=2) as (engine, told):
        with engine.together():
            engine.submit(prompt(0))
            engine.submit(prompt(1))
            with pytest.raises(ConvoyError, match="2 images wait already") as refused:
                engine.submit(prompt(2))
        told.until_over(0, 1)
        engine.submit(prompt(3))
        told.until_over(3)
    assert refused.value.code is Code.RESOURCE_EXHAUSTED
    assert refused.value.retry_after


def test_no_more_go_together_than_max_batch(model: Path) -> None:
    with running(model, max_batch=2) as (engine, told):
        together(engine, told, [prompt(n, max_tokens=2, ignore_eos=True) for n in range(5)])
    assert [len(step) for step in told.steps] == [2, 2, 2, 2, 1, 1]
    waited = {one.id: one.queue_s for step in told.steps for one in step}
    assert waited[0] <= waited[2] <= waited[4]


@pytest.mark.parametrize("mark", ["<image>", "<end_of_utterance>", "</s>", "<row_1_col_1>"])
def test_a_question_is_words_and_no_marks(chat_model: Path, mark: str) -> None:
    with (
        running(chat_model) as (engine, _),
        pytest.raises(ConvoyError, match="meaning of its own") as refused,
    ):
        engine.submit(prompt(0, question=f"what {mark} is it"))
    assert refused.value.violations[0].field == "question"


def test_a_question_longer_than_the_model_takes_fails_its_row_alone(model: Path) -> None:
    with running(model) as (engine, told):
        outputs = together(
            engine, told, [prompt(0), prompt(1, question="what is it " * 200), prompt(2)]
        )
        with pytest.raises(ConvoyError, match="take at most"):
            engine.submit(prompt(3, question="a" * 10_000))
    (failed,) = outputs[1]
    assert failed.error is not None
    assert failed.error.code is Code.INVALID_ARGUMENT
    assert "tokens, more than the model takes" in failed.error.message
    assert all(outputs[id][-1].finish for id in (0, 2))


def test_a_text_ends_where_the_model_has_no_more_room(plain_model: Path) -> None:
    with running(plain_model) as (engine, told):
        outputs = together(
            engine, told, [prompt(0, question="a", max_tokens=10_000, ignore_eos=True)]
        )
    count = outputs[0][0].prompt_tokens
    assert outputs[0][-1].finish is Finish.LENGTH
    assert len(tokens(outputs[0])) == 64 - count


def test_what_is_asked_where_nobody_asks_is_a_setting(chat_model: Path) -> None:
    with running(chat_model) as (engine, told):
        asked = tokens(together(engine, told, [prompt(0, question="who is it")])[0])
        usual = tokens(together(engine, told, [prompt(1, image=0)])[1])
    with running(chat_model, ask="who is it") as (engine, told):
        assert tokens(together(engine, told, [prompt(0)])[0]) == asked != usual


def test_nothing_of_the_warm_up_is_told(model: Path) -> None:
    with running(model) as (engine, told):
        assert not told.rest()
        assert engine.stats() == StreamStatus(running=0, waiting=0)


def test_a_model_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    engine = BatchedGenerate(str(tmp_path / "none" / "of" / "these"))
    with pytest.raises(OSError, match="there is no folder"):
        engine.start(lambda outputs: None)


def test_a_model_of_texts_is_refused(tmp_path: Path) -> None:
    from tests.models import causal

    engine = BatchedGenerate(str(causal.make(tmp_path, vocab=300)))
    with pytest.raises((ValueError, OSError)):
        engine.start(lambda outputs: None)


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"precision": "int8"}, "choose one of"), ({"max_batch": 0}, "at least 1")],
)
def test_settings_that_there_are_not_are_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        BatchedGenerate("any", **settings)


def test_sampling_settings_of_one_batch_may_all_differ(model: Path) -> None:
    settings: list[dict[str, Any]] = [
        {},
        {"temperature": 1.0, "top_k": 3, "seed": 1},
        {"temperature": 0.7, "min_p": 0.1, "seed": 2},
        {"repetition_penalty": 1.5},
        {"temperature": 1.3, "top_p": 0.5, "seed": 3, "logprobs": 1},
    ]
    rows = [prompt(n, image=0, **one) for n, one in enumerate(settings)]
    with running(model) as (engine, told):
        batch = together(engine, told, rows)
        for row in rows:
            told.steps.clear()
            assert tokens(together(engine, told, [row])[row.id]) == tokens(batch[row.id])


def test_a_model_that_needs_a_further_library_says_which(
    chat_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without torchvision, processors that take videos too."""

    def lacking(*args: Any, **more: Any) -> None:
        raise ImportError("it requires the Torchvision library")

    monkeypatch.setattr(AutoProcessor, "from_pretrained", lacking)
    with pytest.raises(ValueError, match="needs a further library: it requires the Torchvision"):
        BatchedGenerate(str(chat_model)).start(lambda outputs: None)

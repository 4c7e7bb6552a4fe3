"""Many texts are gone on with at once, each as if it were alone."""

import json
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from convoy_services.generation.engines.engine import Finish
from tests.unit.generation.driver import Driver, running

NEW = 12


def prompt_of(length: int, *, seed: int = 0) -> list[int]:
    return random.Random(seed).choices(range(3, 2000), k=length)


PROMPTS = [prompt_of(1 + 5 * n % 257, seed=n) for n in range(64)]


@pytest.fixture(scope="module")
def driver(causal_model: Path) -> Iterator[Driver]:
    with running(causal_model) as one:
        yield one


@pytest.fixture(autouse=True)
def _afresh(driver: Driver) -> Iterator[None]:
    yield
    driver.then = lambda _: None
    stats = driver.engine.stats()
    assert (stats.running, stats.waiting, stats.free_blocks) == (0, 0, stats.blocks)
    driver.steps.clear()


@pytest.fixture(scope="module")
def expected(driver: Driver, causal_model: Path) -> list[list[int]]:
    """Give what ``generate`` makes of the prompts, one at a time."""
    model = AutoModelForCausalLM.from_pretrained(causal_model)
    made = []
    for prompt in PROMPTS:
        ids = torch.tensor([prompt])
        mask = torch.ones_like(ids)
        whole = model.generate(ids, attention_mask=mask, max_new_tokens=NEW, do_sample=False)
        made.append(whole[0, len(prompt) :].tolist())
    assert len({tuple(one) for one in made}) == len(made)
    return made


def test_together_greedy_tokens_are_those_of_generate(
    driver: Driver, expected: list[list[int]]
) -> None:
    numbers = [driver.submit(prompt, max_tokens=NEW) for prompt in PROMPTS]
    for number in numbers:
        driver.end(number)
    assert [driver.tokens(number) for number in numbers] == expected


def test_staggered_greedy_tokens_are_those_of_generate(
    driver: Driver, expected: list[list[int]]
) -> None:
    """Each step one more begins, so all stages of others are met."""
    rest = iter(PROMPTS[1:])
    numbers = []

    def one_more(_: Sequence[object]) -> None:
        prompt = next(rest, None)
        if prompt:
            numbers.append(driver.submit(prompt, max_tokens=NEW))

    driver.then = one_more
    numbers.append(driver.submit(PROMPTS[0], max_tokens=NEW))
    for n in range(len(PROMPTS)):
        driver.end(numbers[n])
    assert [driver.tokens(number) for number in numbers] == expected


def test_alone_greedy_tokens_are_those_of_generate(
    driver: Driver, expected: list[list[int]]
) -> None:
    assert [driver.generate(prompt, max_tokens=NEW) for prompt in PROMPTS] == expected


def test_a_prompt_read_in_parts_gives_the_same(
    causal_model: Path, expected: list[list[int]]
) -> None:
    with running(causal_model, batch_tokens=24, cache_tokens=2048) as narrow:
        numbers = [narrow.submit(prompt, max_tokens=NEW) for prompt in PROMPTS[40:]]
        for number in numbers:
            narrow.end(number)
        assert [narrow.tokens(number) for number in numbers] == expected[40:]


def test_the_models_own_sampling_does_not_leak_in(
    causal_model: Path, expected: list[list[int]], tmp_path: Path
) -> None:
    model = _copy(
        causal_model,
        tmp_path,
        do_sample=True,
        temperature=9.0,
        top_k=3,
        repetition_penalty=5.0,
        no_repeat_ngram_size=2,
        max_new_tokens=3,
        num_return_sequences=2,
    )
    with running(model) as other:
        assert other.generate(PROMPTS[9], max_tokens=NEW) == expected[9]


SAMPLED = {"temperature": 0.8, "top_k": 200, "top_p": 0.9, "repetition_penalty": 1.1}


def test_a_seed_gives_the_same_tokens_alone_and_in_company(driver: Driver) -> None:
    alone = driver.generate(PROMPTS[7], seed=5, **SAMPLED)
    numbers = [driver.submit(prompt, seed=n, temperature=1.0) for n, prompt in enumerate(PROMPTS)]
    again = driver.submit(PROMPTS[7], seed=5, **SAMPLED)
    for number in [*numbers, again]:
        driver.end(number)
    assert driver.tokens(again) == alone
    assert driver.generate(PROMPTS[7], seed=6, **SAMPLED) != alone


def test_without_a_seed_each_text_is_another(driver: Driver) -> None:
    made = {tuple(driver.generate(PROMPTS[7], temperature=1.5)) for _ in range(3)}
    assert len(made) == 3


def test_a_penalty_looks_at_the_prompt_and_the_text_so_far(
    driver: Driver, causal_model: Path
) -> None:
    model = AutoModelForCausalLM.from_pretrained(causal_model)
    ids = torch.tensor([PROMPTS[20]])
    whole = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=NEW,
        do_sample=False,
        repetition_penalty=1.7,
    )
    made = driver.generate(PROMPTS[20], repetition_penalty=1.7, max_tokens=NEW)
    assert made == whole[0, len(PROMPTS[20]) :].tolist()


def test_likelihoods_are_those_of_a_plain_forward(driver: Driver, causal_model: Path) -> None:
    beside = driver.submit(PROMPTS[3])
    number = driver.submit(PROMPTS[5], logprobs=4, seed=1, **SAMPLED)
    driver.end(number)
    driver.end(beside)
    tokens = driver.tokens(number)
    model = AutoModelForCausalLM.from_pretrained(causal_model)
    with torch.inference_mode():
        logits = model(torch.tensor([PROMPTS[5] + tokens])).logits[0]
    logs = logits[len(PROMPTS[5]) - 1 : -1].log_softmax(-1)
    told = [how for one in driver.outputs(number) for how in one.likely]
    assert len(told) == len(tokens)
    for how, token, log in zip(told, tokens, logs, strict=True):
        assert how.logprob == pytest.approx(float(log[token]), abs=1e-3)
        assert [likely for likely, _ in how.likeliest] == log.topk(4).indices.tolist()
        assert [value for _, value in how.likeliest] == pytest.approx(
            log.topk(4).values.tolist(), abs=1e-3
        )
    assert not any(one.likely for one in driver.outputs(beside))


def test_the_limit_ends_a_text(driver: Driver) -> None:
    number = driver.submit(PROMPTS[2], max_tokens=1)
    last = driver.end(number)
    assert last.finish is Finish.LENGTH
    assert len(last.token_ids) == 1
    assert last.prompt_tokens == len(PROMPTS[2])
    assert last.queue_s >= 0


def test_a_stop_token_ends_a_text_and_is_told(driver: Driver, expected: list[list[int]]) -> None:
    stop = expected[4][5]
    end = expected[4].index(stop) + 1
    number = driver.submit(PROMPTS[4], stop_token_ids=frozenset({stop, 1999}))
    assert driver.end(number).finish is Finish.STOP
    assert driver.tokens(number) == expected[4][:end]


def test_the_models_own_end_ends_a_text_unless_it_is_ignored(
    causal_model: Path, expected: list[list[int]], tmp_path: Path
) -> None:
    ends = [expected[4][5], expected[4][6]]
    with running(_copy(causal_model, tmp_path, eos_token_id=ends)) as other:
        number = other.submit(PROMPTS[4], max_tokens=NEW)
        assert other.end(number).finish is Finish.STOP
        assert other.tokens(number) == expected[4][: 1 + expected[4].index(ends[0])]
        beyond = other.submit(PROMPTS[4], max_tokens=NEW, ignore_eos=True)
        assert other.end(beyond).finish is Finish.LENGTH
        assert other.tokens(beyond) == expected[4]
        stopped = other.submit(
            PROMPTS[4], max_tokens=NEW, ignore_eos=True, stop_token_ids=frozenset({ends[1]})
        )
        assert other.end(stopped).finish is Finish.STOP


def test_a_step_tells_of_all_its_sequences_in_one_call(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = driver.engine._batches._manager.model
    computed = []
    forward = model.forward

    def counted(**inputs: object) -> object:
        computed.append(1)
        return forward(**inputs)

    monkeypatch.setattr(model, "forward", counted)
    numbers = [driver.submit(prompt[:9], max_tokens=32) for prompt in PROMPTS[16:32]]
    for number in numbers:
        driver.end(number)
    assert len(driver.steps) == len(computed)
    assert max(map(len, driver.steps)) == 16
    assert all(len({one.id for one in outputs}) == len(outputs) for outputs in driver.steps)
    assert sum(map(len, driver.steps)) == 16 * 32


def test_a_number_may_be_used_again_after_its_end(
    driver: Driver, expected: list[list[int]]
) -> None:
    for prompt, made in zip(PROMPTS[:3], expected, strict=False):
        driver.submit(prompt, id=10**6, max_tokens=NEW)
        driver.end(10**6)
        assert driver.tokens(10**6) == made
        driver.steps.clear()


def test_a_missing_model_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        Driver(tmp_path / "nowhere").engine.start(lambda _: None)


def test_a_precision_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="precision 'int9': choose one of auto, float32"):
        Driver(Path("any"), precision="int9")


def _copy(model: Path, folder: Path, **settings: object) -> Path:
    """Copy a model, with more in its generation_config.json."""
    copy = folder / "model"
    shutil.copytree(model, copy)
    file = copy / "generation_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    return copy

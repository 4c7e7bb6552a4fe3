"""What vLLM generates is what the model says, alone and in company."""

import math
import time

import pytest
import torch
from transformers import LlamaForCausalLM

from convoy import Code, ConvoyError
from convoy_services.generation.engines.engine import Finish
from tests.vllm.driver import MARKS, NEW, PROMPTS, VllmDriver

pytestmark = MARKS


def test_together_greedy_tokens_are_those_of_generate(
    driver: VllmDriver, expected: list[list[int]]
) -> None:
    numbers = [driver.submit(prompt, max_tokens=NEW) for prompt in PROMPTS]
    for number in numbers:
        driver.end(number)
    assert [driver.tokens(number) for number in numbers] == expected


def test_alone_greedy_tokens_are_those_of_generate(
    driver: VllmDriver, expected: list[list[int]]
) -> None:
    assert [driver.generate(prompt, max_tokens=NEW) for prompt in PROMPTS[:4]] == expected[:4]


def test_a_step_is_told_in_one(driver: VllmDriver) -> None:
    driver.steps.clear()
    numbers = [driver.submit([5 + n], max_tokens=NEW, ignore_eos=True) for n in range(8)]
    for number in numbers:
        assert driver.end(number).finish is Finish.LENGTH
    # All in NEW steps, but that the first of them may begin before the last have come.
    assert len(driver.steps) <= 2 * NEW
    assert max(map(len, driver.steps)) == 8
    for outputs in driver.steps:
        assert all(len(one.token_ids) == 1 for one in outputs)


def test_seeded_tokens_are_the_same_alone_and_in_company(driver: VllmDriver) -> None:
    settings = {"max_tokens": NEW, "temperature": 1.0, "top_p": 0.9, "ignore_eos": True}
    alone = driver.generate(PROMPTS[3], seed=7, **settings)
    company = [driver.submit(prompt, **settings) for prompt in PROMPTS[4:8]]
    again = driver.submit(PROMPTS[3], seed=7, **settings)
    for number in (*company, again):
        driver.end(number)
    assert driver.tokens(again) == alone
    assert driver.generate(PROMPTS[3], seed=8, **settings) != alone


def test_logprobs_are_the_models_own(driver: VllmDriver, model: LlamaForCausalLM) -> None:
    """Whatever the temperature and the penalty."""
    number = driver.submit(
        PROMPTS[2],
        max_tokens=4,
        temperature=1.5,
        repetition_penalty=1.3,
        seed=1,
        logprobs=3,
        ignore_eos=True,
    )
    driver.end(number)
    tokens = driver.tokens(number)
    with torch.no_grad():
        scores = model(torch.tensor([PROMPTS[2] + tokens])).logits[0, len(PROMPTS[2]) - 1 : -1]
    logs = scores.float().log_softmax(-1)
    found = [one for output in driver.outputs(number) for one in output.likely]
    assert len(found) == len(tokens)
    for position, (token, likely) in enumerate(zip(tokens, found, strict=True)):
        assert math.isclose(likely.logprob, logs[position, token].item(), abs_tol=1e-3)
        values, ids = logs[position].topk(3)
        assert [id for id, _ in likely.likeliest] == ids.tolist()
        assert [log for _, log in likely.likeliest] == pytest.approx(values.tolist(), abs=1e-3)


def test_logprobs_of_the_chosen_tokens_alone_and_none(driver: VllmDriver) -> None:
    number = driver.submit([5], max_tokens=2, logprobs=0, ignore_eos=True)
    driver.end(number)
    assert [len(one.likely) for one in driver.outputs(number)] == [1, 1]
    assert all(not one.likely[0].likeliest for one in driver.outputs(number))
    number = driver.submit([5], max_tokens=2, ignore_eos=True)
    driver.end(number)
    assert not any(one.likely for one in driver.outputs(number))


def test_a_stop_token_comes_with_the_finish(driver: VllmDriver, expected: list[list[int]]) -> None:
    stop = expected[5][3]
    at = expected[5].index(stop)
    number = driver.submit(PROMPTS[5], max_tokens=NEW, stop_token_ids=frozenset({stop}))
    assert driver.end(number).finish is Finish.STOP
    assert driver.tokens(number) == expected[5][: at + 1]


def test_what_is_told_beside_the_tokens(driver: VllmDriver) -> None:
    began = time.monotonic()
    last = driver.end(driver.submit([5, 6, 7], max_tokens=2, ignore_eos=True))
    assert last.prompt_tokens == 3
    assert 0 <= last.queue_s <= time.monotonic() - began


@pytest.mark.parametrize(
    ("length", "most", "reason", "told"),
    [
        (512, 1, "PROMPT_TOO_LONG", "the prompt has 512 tokens; at most 511 fit"),
        (500, 13, "PROMPT_TOO_LONG", "13 tokens after a prompt of 500 are 513; 512 fit"),
    ],
)
def test_what_is_too_long_is_refused_with_the_numbers(
    driver: VllmDriver, length: int, most: int, reason: str, told: str
) -> None:
    with pytest.raises(ConvoyError, match=told) as caught:
        driver.submit([5] * length, max_tokens=most)
    assert (caught.value.code, caught.value.reason) == (Code.INVALID_ARGUMENT, reason)


def test_a_token_that_there_is_not_is_refused(driver: VllmDriver) -> None:
    with pytest.raises(ConvoyError, match="2000 is not one of the model's 2000") as caught:
        driver.submit([5, 2000])
    assert caught.value.reason == "UNKNOWN_TOKEN"

"""These need vLLM, so an environment of its own: ``make test-vllm``."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from tests.models import causal
from tests.vllm.driver import NEW, PROMPTS, VllmDriver, running

pytest.importorskip("vllm", reason="vLLM is in an environment of its own: make test-vllm")


def pytest_configure(config: pytest.Config) -> None:
    """Pass over what vLLM leaves to the interpreter's end."""
    config.addinivalue_line("filterwarnings", "ignore:Unclosed context:ResourceWarning")


@pytest.fixture(scope="session")
def causal_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a tiny model, with heads of 32: vLLM has no smaller ones on the CPU."""
    return causal.make(tmp_path_factory.mktemp("models") / "causal", hidden=128, heads=4)


@pytest.fixture(scope="session")
def driver(causal_model: Path) -> Iterator[VllmDriver]:
    """Give one engine for all that do not end it: each start takes a while."""
    with running(causal_model, max_running=16, max_waiting=4) as one:
        yield one


@pytest.fixture(scope="session")
def model(causal_model: Path) -> LlamaForCausalLM:
    return AutoModelForCausalLM.from_pretrained(causal_model)


@pytest.fixture(scope="session")
def expected(model: LlamaForCausalLM) -> list[list[int]]:
    """Give what ``generate`` makes of the prompts, one at a time."""
    made = []
    for prompt in PROMPTS:
        ids = torch.tensor([prompt])
        whole = model.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW, do_sample=False
        )
        made.append(whole[0, len(prompt) :].tolist())
    assert len({tuple(one) for one in made}) == len(made)
    return made

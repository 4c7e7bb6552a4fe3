"""These need vLLM, so an environment of its own: ``make test-vllm``."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.models import causal
from tests.vllm.driver import VllmDriver, running

pytest.importorskip("vllm", reason="vLLM is in an environment of its own: make test-vllm")


@pytest.fixture(scope="session")
def causal_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a tiny model, with heads of 32: vLLM has no smaller ones on the CPU."""
    return causal.make(tmp_path_factory.mktemp("models") / "causal", hidden=128, heads=4)


@pytest.fixture(scope="session")
def driver(causal_model: Path) -> Iterator[VllmDriver]:
    """Give one engine for all that do not end it: each start takes a while."""
    with running(causal_model, max_running=16, max_waiting=4) as one:
        yield one

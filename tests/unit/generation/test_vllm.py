"""What is known of vLLM's engine without vLLM; the rest is in tests/vllm."""

import sys
from pathlib import Path
from typing import Any

import pytest

from convoy_services.generation import Generate
from convoy_services.generation.engines import vllm

INSTALL = "pip install '.[serve,gateway,models,vllm]'"


def test_a_mesh_that_names_it_can_be_checked_without_it() -> None:
    Generate(model="OWNER/NAME", engine="vllm", tensor_parallel=8, pipeline_parallel=2)
    assert "vllm" not in sys.modules


def test_without_it_the_start_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError) as raised:
        vllm.Vllm(model="OWNER/NAME").start(lambda _: None)
    assert INSTALL in str(raised.value)


@pytest.mark.parametrize("place", ["docs/generation.md", "examples/llama-405b-two-hosts.yaml"])
def test_what_to_install_is_the_same_everywhere(place: str) -> None:
    """There were three: one lacked the gateway, all named a package that is not on PyPI."""
    assert INSTALL in (Path(__file__).parents[3] / place).read_text()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"precision": "int3"}, "precision 'int3': choose one of auto, float32"),
        ({"distributed_backend": "mpi"}, "distributed_backend 'mpi': choose one of mp, ray"),
        ({"memory": 90}, "memory 90: take a share, above 0 to 1"),
    ],
)
def test_a_setting_that_it_does_not_take_is_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        vllm.Vllm(model="OWNER/NAME", **settings)

"""The meshes in examples/ are as `convoy check` wants them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from convoy_services.cli import app
from convoy_services.config import read

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))

NAMES = {
    "caption-eight-gpus.yaml": {"captioning"},
    "chat-cpu.yaml": {"captioning", "embedding", "generation"},
    "chat-one-gpu.yaml": {"generation"},
    "llama-405b-two-hosts.yaml": {"generation"},
}

SAMPLED = {
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "repetition_penalty",
    "seed",
    "stop_token_ids",
    "logprobs",
    "ignore_eos",
    "stop",
}

GENERATED = {
    "text",
    "token_ids",
    "finish_reason",
    "logprob",
    "pieces",
    "likeliest_ids",
    "likeliest_logprobs",
    "likeliest_pieces",
    "prompt_tokens",
    "queue_us",
}


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_is_fine(file: Path) -> None:
    result = CliRunner().invoke(app, ["check", str(file)])
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_what_an_example_generates_takes_and_gives_all_that_the_services_know(file: Path) -> None:
    mesh = read(file).mesh
    assert set(mesh.pipelines) == NAMES[file.name]
    for name in {"captioning", "generation"} & set(mesh.pipelines):
        pipeline = mesh.pipelines[name]
        taken = {column for step in pipeline.steps for column in step.from_ or ()}
        assert taken >= SAMPLED
        assert set(pipeline.outputs) == GENERATED


def test_every_example_is_looked_at() -> None:
    assert {file.name for file in EXAMPLES} == set(NAMES)

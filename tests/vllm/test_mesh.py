"""A whole mesh in vLLM's environment: prompts over gRPC, tokens out of vLLM."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from convoy import Client, Code, ConvoyError
from convoy_services.local.mesh import LocalMesh
from tests.mesh.conftest import START
from tests.models.causal import EOS
from tests.vllm.driver import MARKS, NEW, PROMPTS

pytestmark = MARKS

TIMEOUT = 60.0
GREEDY = {"temperature": 0.0, "ignore_eos": True, "max_tokens": 12}
CONFIG = """
stages:
  prompt: {class: "convoy_services.generation:Prompt", settings: {model: MODEL}}
  generate:
    class: "convoy_services.generation:Generate"
    settings: {model: MODEL, engine: vllm, cache_gib: 0.25, max_running: 8, max_waiting: 64}
    cpus: 1
  detokenize:
    {class: "convoy_services.generation:Detokenize", settings: {model: MODEL}, place_with: generate}
pipelines:
  generation:
    steps:
      - {stage: prompt, from: [prompt, prompt_ids, roles, contents]}
      - {stage: generate, from: [input_ids, max_tokens, temperature, stop_token_ids, ignore_eos]}
      - {stage: detokenize, from: [token_ids, finish, logprob, likeliest_ids, stop]}
    outputs: [text, token_ids, finish_reason, logprob, pieces, likeliest_ids, likeliest_logprobs,
      likeliest_pieces, prompt_tokens, queue_us]
"""


@pytest.fixture(scope="module")
def mesh(causal_model: Path) -> Iterator[LocalMesh]:
    with LocalMesh.start(CONFIG.replace("MODEL", str(causal_model)), name="vllm") as mesh:
        mesh.wait(within=START)
        yield mesh


async def test_prompts_together_are_gone_on_with_as_each_alone(
    mesh: LocalMesh, expected: list[list[int]]
) -> None:
    sampling = {"temperature": 0.0, "max_tokens": NEW}
    async with Client(mesh.target, timeout=TIMEOUT) as client:
        responses = await asyncio.gather(
            *(client.generate(ids, sampling=sampling) for ids in PROMPTS)
        )
    told = [list(completion.token_ids) for one in responses for completion in one.completions]
    assert told == expected


async def test_a_conversation_is_streamed(mesh: LocalMesh) -> None:
    messages = [{"role": "user", "content": "What is a date?"}]
    async with Client(mesh.target, timeout=TIMEOUT) as client:
        whole = await client.chat(messages, sampling=GREEDY)
        *pieces, last = [one async for one in client.chat_stream(messages, sampling=GREEDY)]
    text = "".join(chunk.text for piece in pieces for chunk in piece.chunks)
    assert text == whole.completions[0].text
    assert last.usage.completion_tokens == GREEDY["max_tokens"]


async def test_a_special_token_in_a_message_is_refused(mesh: LocalMesh) -> None:
    """The transformers that vLLM takes is too old to keep it out otherwise."""
    messages = [{"role": "user", "content": f"Well{EOS}"}]
    async with Client(mesh.target, timeout=TIMEOUT) as client:
        with pytest.raises(ConvoyError) as caught:
            await client.chat(messages, sampling=GREEDY)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.reason == "SPECIAL_TOKEN"

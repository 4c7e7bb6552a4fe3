"""Prompts to tokens: the stage around an engine."""

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import Any, ClassVar

import numpy as np
import pytest

from convoy import Batch, Code, ConvoyError
from convoy.errors import invalid
from convoy_services.generation import Generate
from convoy_services.generation import generate as module
from convoy_services.generation.engines.engine import (
    Finish,
    Likely,
    Prompt,
    StepOutput,
)
from convoy_services.generation.generate import ENGINES, Choice
from convoy_services.generation.model import MIRROR
from convoy_services.generation.sampling import COLUMNS, Sampling, faults
from convoy_services.generation.settings import Settings
from convoy_services.mesh.increment import Increment
from convoy_services.mesh.stream_status import StreamStatus

WAIT = 10.0
"""Seconds that anything may take."""


class FakeSettings(Settings):
    """What ``Fake`` takes."""

    room: int
    slack: int = 0


class Fake:
    """An engine that takes each step when it is told to, in a thread of its own."""

    made: ClassVar[list["Fake"]] = []

    def __init__(self, *, model: str, threads: int, room: int, slack: int = 0) -> None:
        self.settings = (model, threads, room, slack)
        self.submitted: list[Prompt] = []
        self.cancelled: list[int] = []
        self.steps: SimpleQueue[list[StepOutput] | None] = SimpleQueue()
        self.dead = False
        self.made.append(self)

    def start(self, on_step: Callable[[Sequence[StepOutput]], None]) -> None:
        self.on_step = on_step
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while outputs := self.steps.get():
            self.on_step(outputs)

    def submit(self, prompt: Prompt) -> None:
        if len(self.submitted) == self.settings[2]:
            raise ConvoyError(Code.RESOURCE_EXHAUSTED, "too many wait", retry_after=1.0)
        self.submitted.append(prompt)

    def cancel(self, id: int) -> None:
        self.cancelled.append(id)

    def stats(self) -> StreamStatus:
        return StreamStatus(running=len(self.submitted), waiting=0)

    def check(self) -> None:
        if self.dead:
            raise RuntimeError("the engine has died")

    def stop(self) -> None:
        self.steps.put(None)
        self.thread.join(WAIT)
        assert not self.thread.is_alive()


Emitted = SimpleQueue[Increment]


@pytest.fixture
def emitted() -> Emitted:
    return SimpleQueue()


@pytest.fixture
def stage(emitted: Emitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Generate]:
    fake = Choice(cls="fakes:Fake", settings=FakeSettings)
    monkeypatch.setattr(module, "ENGINES", {"fake": fake})
    monkeypatch.setattr(module, "import_module", {"fakes": inspect.getmodule(Fake)}.get)
    made = Generate(model=str(tmp_path), engine="fake", room=3)
    made.cpus = 2.5
    made.load()
    made.warm()
    made.open(emitted.put)
    yield made
    made.close()


@pytest.fixture
def engine(stage: Generate) -> Fake:
    return Fake.made[-1]


def ids(*numbers: int) -> Any:
    return np.array(numbers, np.uint64)


def rows(stage: Generate, *prompts: Sequence[int], **columns: Any) -> Batch:
    given = {"input_ids": list(prompts), **columns}
    some = type(stage.consumes)({name: stage.consumes[name] for name in given})
    return stage.consumes.complete(some.pack(rows=len(prompts), **given))


def test_rows_become_prompts(stage: Generate, engine: Fake) -> None:
    batch = rows(
        stage, [5, 6], [7], temperature=[0.0, 0.5], stop_token_ids=[[], [3, 4]], logprobs=[-1, 2]
    )
    stage.submit(ids(2**63 + 1, 4), batch)
    assert engine.submitted == [
        Prompt(id=2**63 + 1, input_ids=[5, 6], sampling=Sampling(temperature=0.0)),
        Prompt(
            id=4,
            input_ids=[7],
            sampling=Sampling(temperature=0.5, stop_token_ids=frozenset({3, 4}), logprobs=2),
        ),
    ]


def test_the_engine_gets_the_model_the_threads_and_its_settings(
    stage: Generate, engine: Fake, tmp_path: Path
) -> None:
    assert engine.settings == (str(tmp_path), 2, 3, 0)


def test_a_step_is_emitted_as_one_increment(
    stage: Generate, engine: Fake, emitted: Emitted
) -> None:
    error = ConvoyError(Code.INTERNAL, "the engine failed", "ENGINE_FAILED")
    likely = (
        Likely(logprob=-0.5, likeliest=[(8, -0.5), (9, -1.5)]),
        Likely(logprob=-2.0, likeliest=[(1, -0.25), (9, -2.0)]),
    )
    engine.steps.put(
        [
            StepOutput(id=2**63 + 1, token_ids=(8, 9), likely=likely, prompt_tokens=4),
            StepOutput(id=2, token_ids=(3,), finish=Finish.LENGTH, prompt_tokens=1, queue_s=0.25),
            StepOutput(id=3, error=error),
        ]
    )
    increment = emitted.get(timeout=WAIT)
    assert increment.ids.tolist() == [2**63 + 1, 2, 3]
    assert increment.ended.tolist() == [False, True, True]
    assert increment.batch.failures == {2: error}
    stage.produces.check(increment.batch)
    for column in increment.batch.columns.values():
        column.check()
    assert {name: increment.batch[name].tolist() for name in stage.produces} == {
        "token_ids": [[8, 9], [3], []],
        "finish": [0, 2, 0],
        "logprob": [[-0.5, -2.0], [], []],
        "likeliest_ids": [[8, 9, 1, 9], [], []],
        "likeliest_logprobs": [[-0.5, -1.5, -0.25, -2.0], [], []],
        "prompt_tokens": [4, 1, 0],
        "queue_us": [0, 250_000, 0],
    }
    assert emitted.empty()


def test_what_the_engine_refuses_is_emitted_as_its_rows_failure(
    stage: Generate, engine: Fake, emitted: Emitted
) -> None:
    stage.submit(ids(1, 2, 3, 4), rows(stage, [5], [6], [7], [8]))
    assert [prompt.id for prompt in engine.submitted] == [1, 2, 3]
    increment = emitted.get(timeout=WAIT)
    assert increment.ids.tolist() == [4]
    assert increment.ended.tolist() == [True]
    assert increment.batch.failures[0].code is Code.RESOURCE_EXHAUSTED
    assert increment.batch.failures[0].retry_after == 1.0


def test_a_row_whose_settings_no_engine_takes_fails_alone(
    stage: Generate, engine: Fake, emitted: Emitted
) -> None:
    batch = rows(stage, [5], [6], [], temperature=[1, 3, 1], max_tokens=[1, 0, 1])
    stage.submit(ids(1, 2, 3), batch)
    assert [prompt.id for prompt in engine.submitted] == [1]
    increment = emitted.get(timeout=WAIT)
    assert increment.ids.tolist() == [2, 3]
    wrong, empty = (increment.batch.failures[n] for n in range(2))
    assert (wrong.code, empty.code) == (Code.INVALID_ARGUMENT, Code.INVALID_ARGUMENT)
    assert [v.field for v in wrong.violations] == ["max_tokens", "temperature"]
    assert empty.violations[0].field == "input_ids"


def test_rows_are_cancelled_by_their_numbers(stage: Generate, engine: Fake) -> None:
    stage.cancel(ids(7, 2**64 - 1))
    assert engine.cancelled == [7, 2**64 - 1]


def test_an_engine_that_has_died_is_found_out(stage: Generate, engine: Fake) -> None:
    stage.check()
    engine.dead = True
    with pytest.raises(RuntimeError, match="died"):
        stage.check()


def test_closing_ends_the_engine(emitted: Emitted, stage: Generate, engine: Fake) -> None:
    assert engine.thread.is_alive()
    stage.close()
    assert not engine.thread.is_alive()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"engine": "transformer"}, "no engine 'transformer'; there are: transformers, vllm"),
        ({"engine": "tensorrt"}, "no engine 'tensorrt'; there are: transformers, vllm"),
        ({"cache_tokens": 9, "bacth_tokens": 8}, "'bacth_tokens'; did you mean batch_tokens"),
        ({}, "needs the setting 'cache_tokens'"),
        (
            {"cache_token": 9},
            "^the engine transformers takes no setting 'cache_token'; did you mean cache_tokens.$",
        ),
        ({"cache_tokens": 9, "threads": 4}, "takes no setting 'threads'"),
    ],
)
def test_what_there_is_not_is_refused_when_the_configuration_is_checked(
    settings: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Generate(model="some/model", **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cache_tokens": -1}, r"cache_tokens: .* equal to 1 \(it is -1\)"),
        ({"cache_tokens": "many"}, r"cache_tokens: .* integer \(it is 'many'\)"),
        ({"cache_tokens": True}, "cache_tokens: .* integer"),
        ({"cache_tokens": None}, "cache_tokens: .* integer"),
        ({"cache_tokens": 9, "batch_tokens": 0}, "batch_tokens: .* equal to 1"),
        ({"cache_tokens": 9, "max_waiting": -1}, "max_waiting: .* equal to 0"),
        ({"cache_tokens": 0, "precision": "fp16"}, "cache_tokens: .*; precision: .*'float16'"),
        ({"cache_tokens": 9, "model": ""}, "model: .* at least 1 character"),
        ({"cache_tokens": 9, "model": 5}, "model: .* valid string"),
        ({"engine": "vllm", "tensor_parallel": 0}, "tensor_parallel: .* equal to 1"),
        ({"engine": "vllm", "pipeline_parallel": 1.5}, "pipeline_parallel: .* integer"),
        ({"engine": "vllm", "distributed_backend": "tcp"}, "distributed_backend: .*'mp' or 'ray'"),
        ({"engine": "vllm", "max_len": 0}, "max_len: .* equal to 1"),
        ({"engine": "vllm", "max_running": 0}, "max_running: .* equal to 1"),
        ({"engine": "vllm", "memory": 0}, "memory: .* greater than 0"),
        ({"engine": "vllm", "memory": 90}, "memory: .* equal to 1"),
        ({"engine": "vllm", "cache_gib": -4}, "cache_gib: .* greater than 0"),
        ({"engine": "vllm", "cache_gib": float("inf")}, "cache_gib: .* finite"),
    ],
)
def test_what_a_setting_cannot_be_is_refused_when_the_configuration_is_checked(
    settings: Mapping[str, Any], message: str
) -> None:
    """The mesh once started, and answered every call with INTERNAL."""
    with pytest.raises(ValueError, match=message):
        Generate(**{"model": "some/model", **settings})


@pytest.mark.parametrize(
    "settings",
    [
        {"cache_tokens": 1, "batch_tokens": 1, "max_waiting": 0, "precision": "bfloat16"},
        {"engine": "vllm"},
        {"engine": "vllm", "memory": 1, "cache_gib": 4, "max_len": None},
    ],
)
def test_what_a_setting_can_be_is_taken(settings: Mapping[str, Any]) -> None:
    Generate(model="some/model", **settings)


def parameters(engine: Callable[..., Any]) -> dict[str, Any]:
    """Give what an engine takes beside its threads, with the defaults."""
    takes = dict(inspect.signature(engine).parameters)
    del takes["threads"]
    return {name: one.default for name, one in takes.items()}


@pytest.mark.parametrize("choice", ENGINES.values(), ids=list(ENGINES))
def test_the_settings_of_an_engine_are_those_that_it_takes(choice: Choice) -> None:
    path, name = choice.cls.split(":")
    assert parameters(getattr(import_module(path), name)) == {
        name: inspect.Parameter.empty if field.is_required() else field.default
        for name, field in choice.settings.model_fields.items()
    }


def test_a_missing_model_says_what_to_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MIRROR, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    stage = Generate(model="convoy-mesh/no-such-model", cache_tokens=64)
    with pytest.raises(OSError, match="hf download convoy-mesh/no-such-model"):
        stage.load()


def test_a_model_goes_on_with_a_prompt(causal_model: Path, emitted: Emitted) -> None:
    stage = Generate(model=str(causal_model), cache_tokens=512)
    stage.load()
    try:
        stage.open(emitted.put)
        batch = rows(stage, [5, 6, 7], temperature=[0.0], max_tokens=[4], ignore_eos=[True])
        stage.submit(ids(9), batch)
        tokens: list[int] = []
        ended = False
        while not ended:
            increment = emitted.get(timeout=60)
            assert increment.ids.tolist() == [9]
            tokens += increment.batch["token_ids"].tolist()[0]
            ended = bool(increment.ended[0])
        assert len(tokens) == 4
        assert increment.batch["prompt_tokens"].tolist() == [3]
        assert increment.batch["finish"].tolist() == [Finish.LENGTH]
    finally:
        stage.close()


# Sampling


def test_the_defaults_are_taken() -> None:
    assert faults(Sampling()) == []


@pytest.mark.parametrize(
    ("name", "fine", "wrong"),
    [
        ("max_tokens", [1, 2**31 - 1], [0, -1, 2**31]),
        ("temperature", [0.0, 2.0], [-0.1, 2.1]),
        ("top_p", [0.01, 1.0], [0.0, 1.01, -1.0]),
        ("top_k", [0, 50, 2**31 - 1], [-1, 2**31]),
        ("min_p", [0.0, 1.0], [-0.1, 1.1]),
        (
            "repetition_penalty",
            [0.01, float(np.float32(0.01)), 10.0],
            [0.0, 1e-45, 0.0099, -1.0, 10.1, float("nan")],
        ),
        ("seed", [-1, 0, 2**63 - 1], [-2, 2**63]),
        (
            "stop_token_ids",
            [frozenset(), frozenset(range(64)), {2**31 - 1}],
            [frozenset(range(65)), {-1}, {2**31}],
        ),
        ("logprobs", [-1, 0, 20], [-2, 21]),
    ],
)
def test_the_bounds_are_those_of_the_contract(
    name: str, fine: Sequence[Any], wrong: Sequence[Any]
) -> None:
    for value in fine:
        assert faults(Sampling(**{name: value})) == []
    for value in wrong:
        found = faults(Sampling(**{name: value}))
        assert [one.field for one in found] == [name]
        assert found[0].description.startswith("take ")
        assert invalid(found[0].field, found[0].description).code is Code.INVALID_ARGUMENT


def test_columns_and_settings_have_the_same_names_and_defaults() -> None:
    defaults = {one.name: one.default for one in fields(Sampling)}
    assert defaults.keys() == COLUMNS.keys()
    for name, column in COLUMNS.items():
        assert type(defaults[name])(column.default) == defaults[name]

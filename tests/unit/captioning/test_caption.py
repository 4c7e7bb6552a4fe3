"""The stage over the engine, with the decoder before it and the detokenizer behind it."""

import queue
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convoy import Batch, Code, Datatype, Tensor
from convoy_services.captioning import Caption, Decode
from convoy_services.generation import Detokenize, Generate
from convoy_services.generation.engines.engine import Finish
from convoy_services.mesh.increment import Increment

from .files import save
from .running import WITHIN, noise


class Opened:
    """A loaded stage, and what it emits."""

    def __init__(self, folder: Path) -> None:
        self.stage = Caption(model=str(folder))
        self.stage.load()
        self.stage.warm()
        self._queue: queue.Queue[Increment] = queue.Queue()
        self.stage.open(self._queue.put)

    def submit(self, batch: Batch) -> list[Increment]:
        """Give all increments until every row has ended."""
        ids = np.arange(100, 100 + batch.rows, dtype=np.uint64)
        self.stage.submit(ids, Caption.consumes.complete(batch))
        found, ended = [], set[int]()
        while not ended.issuperset(ids.tolist()):
            found.append(self._queue.get(timeout=WITHIN))
            ended.update(found[-1].ids[found[-1].ended].tolist())
        return found


@pytest.fixture(scope="module")
def opened(chat_model: Path) -> Iterator[Opened]:
    made = Opened(chat_model)
    yield made
    made.stage.close()


def decoded(*images: int, **columns: Any) -> Batch:
    """Decode some images, and give their batch further columns."""
    decode = Decode()
    decode.load()
    files = [save(Image.fromarray(noise(n))) for n in images]
    given = Batch(rows=len(files), columns={"image": Tensor.texts(files)})
    pixels = decode.process(given)
    assert not pixels.failures
    more = {
        name: Tensor.pack(values, Caption.consumes[name].datatype, Caption.consumes[name].shape)
        for name, values in {"temperature": [0.0] * len(files), **columns}.items()
    }
    return Batch(rows=pixels.rows, columns={**pixels.columns, **more})


def joined(increments: list[Increment], column: str, id: int) -> list[Any]:
    """Put together what came of one row."""
    found = []
    for one in increments:
        for n in np.flatnonzero(one.ids == id).tolist():
            value = one.batch[column].tolist()[n]
            found += value if isinstance(value, list) else [value]
    return found


def test_it_gives_the_columns_that_generate_gives() -> None:
    assert Caption.produces is Generate.produces
    assert "input_ids" not in Caption.consumes


def test_each_step_emits_every_row_once_and_each_ends(opened: Opened) -> None:
    batch = decoded(0, 1, 2, max_tokens=[3, 3, 3], ignore_eos=[True] * 3, logprobs=[1, -1, 0])
    increments = opened.submit(batch)
    assert [one.ids.tolist() for one in increments] == [[100, 101, 102]] * 3
    assert [one.ended.tolist() for one in increments] == [[False] * 3] * 2 + [[True] * 3]
    for one in increments:
        Caption.produces.check(one.batch)
    for id in (100, 101, 102):
        assert len(joined(increments, "token_ids", id)) == 3
        assert joined(increments, "finish", id) == [0, 0, Finish.LENGTH]
        assert min(joined(increments, "prompt_tokens", id)) > 10
        assert min(joined(increments, "queue_us", id)) >= 0
    assert [len(joined(increments, "logprob", id)) for id in (100, 101, 102)] == [3, 0, 3]
    assert joined(increments, "likeliest_ids", 100) == joined(increments, "token_ids", 100)


def test_the_question_changes_what_is_told(opened: Opened) -> None:
    batch = decoded(0, 0, 0, question=[b"", b"who is it?", "wer ist größer?".encode()])
    increments = opened.submit(batch)
    texts = {tuple(joined(increments, "token_ids", id)) for id in (100, 101, 102)}
    assert len(texts) == 3


def test_what_is_told_becomes_text(opened: Opened, chat_model: Path) -> None:
    detokenize = Detokenize(model=str(chat_model))
    detokenize.load()
    increments = opened.submit(decoded(0, 1, max_tokens=[6, 9]))
    stops = Tensor.pack([[], []], Datatype.BYTES, (-1,))
    detokenize.begin(np.array([100, 101], np.uint64), Batch(rows=2, columns={"stop": stops}))
    texts = [detokenize.advance(one) for one in increments]
    for id in (100, 101):
        assert b"".join(joined(texts, "text", id)).decode()


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"question": [b"", b"\xff"]}, "question"),
        ({"question": [b"", b"<image>"]}, "question"),
        ({"temperature": [0.0, -1.0]}, "temperature"),
        ({"max_tokens": [3, 0]}, "max_tokens"),
        ({"height": [40, 41]}, "pixels"),
        ({"height": [40, -1], "width": [40, -1]}, "pixels"),
    ],
)
def test_a_row_that_is_refused_fails_alone(
    opened: Opened, columns: dict[str, Any], field: str
) -> None:
    increments = opened.submit(decoded(0, 0, **columns))
    errors = {
        int(one.ids[row]): error for one in increments for row, error in one.batch.failures.items()
    }
    assert list(errors) == [101]
    assert errors[101].code is Code.INVALID_ARGUMENT
    assert errors[101].violations[0].field == field
    assert joined(increments, "finish", 100)[-1]


def test_a_cancelled_row_leaves(opened: Opened) -> None:
    batch = decoded(0, 1, max_tokens=[10_000, 2], ignore_eos=[True, True])
    ids = np.array([200, 201], np.uint64)
    with opened.stage._captions.together():
        opened.stage.submit(ids, Caption.consumes.complete(batch))
        opened.stage.cancel(ids[:1])
    increments = [opened._queue.get(timeout=WITHIN) for _ in range(2)]
    assert [one.ids.tolist() for one in increments] == [[201], [201]]
    opened.stage.check()


def test_making_it_costs_nothing_and_takes_any_name() -> None:
    Caption(model="HuggingFaceTB/SmolVLM-256M-Instruct", max_batch=4, ask="What is this?")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_batch": 0}, r"max_batch: .* equal to 1 \(it is 0\)"),
        ({"max_batch": "8"}, r"max_batch: .* integer \(it is '8'\)"),
        ({"max_waiting": 0}, "max_waiting: .* equal to 1"),
        ({"precision": "fp16"}, "precision: .*'float16'"),
        ({"ask": 5}, "ask: .* valid string"),
        ({"model": ""}, "model: .* at least 1 character"),
    ],
)
def test_what_a_setting_cannot_be_is_refused_when_the_configuration_is_checked(
    settings: dict[str, Any], message: str
) -> None:
    """They were refused when the replica loaded, or not at all."""
    with pytest.raises(ValueError, match=message):
        Caption(**{"model": "some/model", **settings})


def test_nothing_heavy_is_imported_where_a_configuration_is_checked() -> None:
    program = (
        "import sys; from convoy_services.captioning import Caption; Caption(model='a/b');"
        "print({'torch', 'transformers', 'tokenizers', 'huggingface_hub', 'vllm'} & "
        "set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "set()"

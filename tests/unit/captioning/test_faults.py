"""What the engine does where an image, the model or the engine itself fails."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from convoy import Code, ConvoyError
from convoy_services.captioning.engine import BatchedGenerate

from .running import WITHIN, noise, prompt, running, submit, together


def refuse(engine: BatchedGenerate, monkeypatch: pytest.MonkeyPatch, exc: Exception) -> None:
    """Let the processor refuse the image of prompt 1."""
    given, bad = engine._model.inputs, noise(1)

    def inputs(looks: Any) -> Any:
        if any(np.array_equal(pixels, bad) for pixels, _ in looks):
            raise exc
        return given(looks)

    monkeypatch.setattr(engine._model, "inputs", inputs)


@pytest.mark.parametrize(
    ("exc", "code"),
    [
        (ValueError("absolute aspect ratio must be smaller than 200"), Code.INVALID_ARGUMENT),
        (RuntimeError("out of memory in /secret"), Code.INTERNAL),
    ],
)
def test_an_image_that_cannot_be_taken_fails_its_row_alone(
    chat_model: Path, monkeypatch: pytest.MonkeyPatch, exc: Exception, code: Code
) -> None:
    with running(chat_model) as (engine, told):
        refuse(engine, monkeypatch, exc)
        outputs = together(engine, told, [prompt(n) for n in range(3)])
        engine.check()
    (failed,) = outputs[1]
    assert failed.error is not None
    assert failed.error.code is code
    assert str(exc) not in failed.error.message
    assert all(outputs[id][-1].finish for id in (0, 2))


def test_a_model_that_breaks_down_in_a_batch_fails_those_who_had_begun(
    chat_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(chat_model) as (engine, told):
        given = engine._model.generate

        def generate(inputs: Any, *, take: Any, **more: Any) -> None:
            def broken(ids: torch.Tensor, scores: Any) -> Any:
                done = take(ids, scores)
                if len(ids) > 1:
                    raise RuntimeError("no")
                return done

            given(inputs, take=broken, **more)

        monkeypatch.setattr(engine._model, "generate", generate)
        outputs = together(engine, told, [prompt(0), prompt(1)])
        told.steps.clear()
        alone = together(engine, told, [prompt(2)])
    for id in (0, 1):
        assert len(outputs[id]) == 2
        error = outputs[id][-1].error
        assert error is not None
        assert error.code is Code.INTERNAL
    assert alone[2][-1].finish


def test_a_model_that_ends_before_its_rows_is_no_silent_stop(
    chat_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(chat_model) as (engine, told):
        monkeypatch.setattr(engine._model, "generate", lambda inputs, **more: None)
        outputs = together(engine, told, [prompt(0), prompt(1)])
    assert all(one[0].error.code is Code.INTERNAL for one in outputs.values() if one[0].error)
    assert all(one[0].error for one in outputs.values())


def test_an_engine_that_dies_ends_all_with_unavailable(
    chat_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(chat_model, max_batch=1) as (engine, told):

        def generate(inputs: Any, **more: Any) -> None:
            raise torch.AcceleratorError("device-side assert triggered")

        monkeypatch.setattr(engine._model, "generate", generate)
        outputs = together(engine, told, [prompt(0), prompt(1), prompt(2)])
        engine._thread.join(WITHIN)
        with pytest.raises(RuntimeError, match="has died"):
            engine.check()
        with pytest.raises(ConvoyError) as refused:
            engine.submit(prompt(3))
    errors = [outputs[id][0].error for id in range(3)]
    assert [error.code for error in errors if error] == [Code.UNAVAILABLE] * 3
    assert refused.value.code is Code.UNAVAILABLE


def test_stopping_ends_all_with_unavailable(chat_model: Path) -> None:
    with running(chat_model, max_batch=1) as (engine, told):
        submit(engine, [prompt(0, max_tokens=400, ignore_eos=True), prompt(1)])
        told.next()
    outputs = told.until_over(0, 1)
    assert not engine._thread.is_alive()
    errors = [outputs[id][-1].error for id in (0, 1)]
    assert [error.code for error in errors if error] == [Code.UNAVAILABLE] * 2

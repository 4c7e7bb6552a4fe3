"""Pixels and questions to tokens, step by step."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convoy import Batch
from convoy.errors import invalid
from convoy_services.generation.engines.engine import Prompt
from convoy_services.generation.model import absent
from convoy_services.generation.sampling import COLUMNS, Sampling
from convoy_services.generation.settings import CaptionSettings, check
from convoy_services.generation.writing import Writing
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.increment import Ids

_Inputs = tuple[NDArray[np.uint8], int, int, bytes]
"""Pixels, height, width, question."""


class Caption(Writing):
    """Tells about images: pixels UINT8 [-1], height and width INT32 [], question BYTES [] → tokens.

    The pixels are as ``Decode`` gives them; the question is UTF-8, and where it is empty a caption
    is asked for. The columns of ``sampling`` and those of the tokens are as with ``Generate``, so
    that the same ``Detokenize`` goes behind it.
    """

    consumes = Columns(
        pixels=Column("UINT8", [-1]),
        height=Column("INT32"),
        width=Column("INT32"),
        question=Column("BYTES", default=b""),
        **COLUMNS,
    )

    def __init__(
        self,
        *,
        model: str,
        precision: str = "auto",
        max_batch: int = 8,
        max_waiting: int = 256,
        ask: str | None = None,
    ) -> None:
        """Take an image-text-to-text model by hub id or folder.

        ``max_batch`` images are told about at once, ``max_waiting`` may wait. ``ask`` is what is
        asked where the question is empty. ``precision`` "auto" is the model's own on a GPU,
        float32 on the CPU. Raises ValueError for what the engine does not take.
        """
        self._model = model
        self._settings: dict[str, Any] = {
            "precision": precision,
            "max_batch": max_batch,
            "max_waiting": max_waiting,
            "ask": ask,
        }
        check(CaptionSettings, {"model": model, **self._settings}, of="the engine")

    def absent(self) -> str:
        """Say that the model is not on this machine, and no hub is to be asked."""
        return absent(self._model)

    def load(self) -> None:
        """Start the engine, which tells about a blank image.

        Raises OSError where the model is not there, ValueError where it or a setting does not suit.
        """
        from convoy_services.captioning.engine import BatchedGenerate

        threads = max(1, int(self.cpus))
        self._captions = BatchedGenerate(self._model, threads=threads, **self._settings)
        self._engine = self._captions
        self._engine.start(self._step)

    def submit(self, ids: Ids, batch: Batch) -> None:
        """Hand rows to the engine, as one batch where there is room; see Writing."""
        with self._captions.together():
            super().submit(ids, batch)

    def inputs(self, batch: Batch) -> Sequence[_Inputs]:
        """Give each row's pixels, height, width and question."""
        splits = batch["pixels"].splits
        assert splits is not None
        pixels = np.split(batch["pixels"].data, splits[1:-1])
        sizes = batch["height"].tolist(), batch["width"].tolist()
        return list(zip(pixels, *sizes, batch["question"].elements(), strict=True))

    def prompt(self, id: int, inputs: _Inputs, sampling: Sampling) -> Prompt:
        """Ask about a row's image; raises ConvoyError INVALID_ARGUMENT where it is none."""
        pixels, height, width, question = inputs
        seen = {"pixels": _image(pixels, height, width), "question": _text(question)}
        return Prompt(id=id, input_ids=(), sampling=sampling, inputs=seen)


def _image(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Give a row's pixels their shape."""
    if height < 1 or width < 1 or len(pixels) != height * width * 3:
        told = f"{len(pixels)} bytes are not {height} lines of {width} pixels of 3"
        raise invalid("pixels", told)
    return pixels.reshape(height, width, 3)


def _text(question: bytes) -> str:
    try:
        return question.decode()
    except UnicodeDecodeError as exc:
        told = f"the question is not UTF-8 at byte {exc.start}"
        raise invalid("question", told, reason="INVALID_UTF8") from exc

"""The encoders behind one small protocol; what an engine needs is imported when it is opened."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from convoy_services.embedding.engines.precision import resolve
from convoy_services.embedding.engines.threads import passive_threads

ENGINES = ("torch", "torch-compile", "openvino")
"""``torch`` runs any encoder as it is, ``torch-compile`` needs a C++ compiler and tens of seconds
to start, ``openvino`` has the least work per call and needs the extra of that name."""

DEVICES = ("cpu", "cuda")

_WARM_SHAPES = ((1, 8), (4, 16), (16, 32))


class Engine(Protocol):
    """A loaded encoder. It serves one call at a time, best always from the same thread."""

    @property
    def dimensions(self) -> int:
        """The length of an embedding."""
        ...

    @property
    def precision(self) -> str:
        """The precision it computes in, never ``auto``; what the hardware refused is not named."""
        ...

    def encode(
        self, input_ids: NDArray[np.int64], attention_mask: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Pool the tokens [n, t] of each row into an embedding [n, dimensions], not normalised.

        What stands in ``input_ids`` where the mask is 0 does not matter.
        """
        ...


def open_engine(name: str, model: str, precision: str, threads: int, device: str) -> Engine:
    """Load an encoder by hub id or local path.

    Raises ValueError where the name, the precision, the device or their combination is not one
    that there is, FileNotFoundError or OSError where the model has no safetensors to read.
    """
    if name not in ENGINES:
        raise ValueError(f"engine {name!r}: choose one of {', '.join(ENGINES)}")
    if device not in DEVICES:
        raise ValueError(f"device {device!r}: choose one of {', '.join(DEVICES)}")
    precision = resolve(precision, device)
    passive_threads(threads)
    if name == "openvino":
        from convoy_services.embedding.engines.openvino import OpenvinoEngine

        return OpenvinoEngine(model, precision=precision, threads=threads, device=device)
    from convoy_services.embedding.engines.torch import TorchEngine

    compiled = name == "torch-compile"
    return TorchEngine(
        model, precision=precision, threads=threads, device=device, compiled=compiled
    )


def warm(engine: Engine) -> None:
    """Encode a few shapes, one row alone among them, so that no caller pays for a first time."""
    for input_ids in _warm_ids():
        engine.encode(input_ids, np.ones_like(input_ids))


def _warm_ids() -> Iterator[NDArray[np.int64]]:
    for rows, tokens in _WARM_SHAPES:
        yield np.ones((rows, tokens), dtype=np.int64)

"""The engine that runs a model as it is, on CPU or GPU."""

import os
import shutil
import warnings
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from convoy_services.embedding.engines.encoder import Encoder, load
from convoy_services.embedding.engines.int8 import quantise


class TorchEngine:
    """torch, eager or compiled."""

    def __init__(
        self, model: str, *, precision: str, threads: int, device: str, compiled: bool
    ) -> None:
        """Load the model; raise ValueError where this device or machine lacks what is asked."""
        _refuse(precision, device, compiled=compiled)
        torch.set_num_threads(threads)
        encoder = load(model, torch.bfloat16 if precision == "bfloat16" else torch.float32)
        if precision == "int8":
            quantise(encoder)
        self.dimensions = encoder.dimensions
        self.precision = precision
        self._device = torch.device(device)
        encoder.to(self._device)
        self._encoder = _compile(encoder) if compiled else encoder

    def encode(
        self, input_ids: NDArray[np.int64], attention_mask: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Encode [n, t] to [n, dimensions]; see Engine."""
        with torch.inference_mode():
            pooled = self._encoder(self._tensor(input_ids), self._tensor(attention_mask))
            embeddings: NDArray[np.float32] = pooled.cpu().numpy()
        return embeddings

    def _tensor(self, array: NDArray[np.int64]) -> torch.Tensor:
        """Copy: torch takes neither read-only memory without a warning nor negative strides."""
        return torch.tensor(np.ascontiguousarray(array), device=self._device)


def _compile(encoder: Encoder) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Leave shapes open; it compiles at the first call, once for one row and once for more."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's own, on its first import
        return torch.compile(encoder, dynamic=True)


def _refuse(precision: str, device: str, *, compiled: bool) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda': torch finds no GPU here, choose cpu")
    if precision == "int8" and device != "cpu":
        raise ValueError("precision 'int8' runs on the CPU: choose bfloat16 or float32 on a GPU")
    if precision == "int8" and compiled:
        raise ValueError("precision 'int8' does not compile: choose engine torch")
    if compiled and not shutil.which(os.environ.get("CXX", "g++")):
        raise ValueError("engine 'torch-compile' needs a C++ compiler: install g++ or choose torch")

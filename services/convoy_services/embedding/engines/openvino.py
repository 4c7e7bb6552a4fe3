"""The engine that converts a model to an OpenVINO graph, for CPUs."""

import warnings

import numpy as np
import openvino as ov
import torch
from numpy.typing import NDArray

from convoy_services.embedding.engines.encoder import Encoder, load

_HINTS = {"float32": ov.Type.f32, "bfloat16": ov.Type.bf16}
_LEAST_COSINE = 0.99


class OpenvinoEngine:
    """OpenVINO's CPU plugin; pooling is in the graph, so only [n, dimensions] comes back."""

    def __init__(self, model: str, *, precision: str, threads: int, device: str) -> None:
        """Convert and compile; raise ValueError where device or precision are not OpenVINO's."""
        if device != "cpu":
            raise ValueError(f"engine 'openvino' runs on the CPU: choose torch for {device}")
        if precision not in _HINTS:
            # Weights alone can be int8 without nncf: cosine 0.999, no faster (measured, AVX2).
            raise ValueError(
                f"engine 'openvino' has no {precision}: choose {' or '.join(_HINTS)}, "
                "or engine torch"
            )
        torch.set_num_threads(threads)
        encoder = load(model, torch.float32)
        compiled = ov.Core().compile_model(
            convert(encoder),
            "CPU",
            {
                "INFERENCE_NUM_THREADS": threads,
                "INFERENCE_PRECISION_HINT": _HINTS[precision],
                "NUM_STREAMS": 1,
                # Two replicas would both be pinned to the first core.
                "ENABLE_CPU_PINNING": False,
            },
        )
        self.dimensions = encoder.dimensions
        self.precision = _precision(compiled)
        self._request = compiled.create_infer_request()
        self._compare(encoder)

    def encode(
        self, input_ids: NDArray[np.int64], attention_mask: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Encode [n, t] to [n, dimensions]; see Engine."""
        embeddings: NDArray[np.float32] = self._request.infer([input_ids, attention_mask])[0]
        return embeddings

    def _compare(self, encoder: Encoder) -> None:
        """Encode rows of another shape than the traced ones both ways.

        A trace keeps what Python decided while it ran; where a model decides by the shape, the
        graph would be wrong for other shapes. Raises ValueError then.
        """
        input_ids, attention_mask = _example(rows=3, tokens=11)
        with torch.inference_mode():
            right = encoder(input_ids, attention_mask).numpy()
        graph = self.encode(input_ids.numpy(), attention_mask.numpy())
        norms = np.linalg.norm(right, axis=1) * np.linalg.norm(graph, axis=1)
        if not np.all(np.sum(right * graph, axis=1) / norms > _LEAST_COSINE):
            raise ValueError("OpenVINO's graph of this model differs from torch: choose torch")


def convert(encoder: Encoder) -> ov.Model:
    """Trace the encoder into a graph whose rows and tokens are dynamic.

    torch.jit.trace is deprecated in favour of torch.export, which takes OpenVINO five times as
    long to convert (measured: 10 s, not 2); its warnings are not this process's to heed.
    """
    input_ids, attention_mask = _example(rows=2, tokens=8)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        return ov.convert_model(
            encoder,
            example_input={"input_ids": input_ids, "attention_mask": attention_mask},
            input=[
                ("input_ids", ov.PartialShape([-1, -1]), ov.Type.i64),
                ("attention_mask", ov.PartialShape([-1, -1]), ov.Type.i64),
            ],
        )


def _example(*, rows: int, tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of which the last is padded: with none padded, models leave the mask out."""
    input_ids = torch.arange(rows * tokens).reshape(rows, tokens) + 1
    attention_mask = torch.ones_like(input_ids)
    attention_mask[-1, tokens // 2 :] = 0
    return input_ids, attention_mask


def _precision(compiled: ov.CompiledModel) -> str:
    """Read what the plugin settled on: without bfloat16 instructions it computes in float32."""
    hint = compiled.get_property("INFERENCE_PRECISION_HINT")
    return next((name for name, kind in _HINTS.items() if kind == hint), str(hint))

"""A bare handle call, timed where the mesh makes its own: inside a replica of the same mesh."""

import statistics
import time
from typing import Any

import numpy as np
from ray.serve.handle import DeploymentHandle


class Sink:
    """Gives back what comes."""

    async def echo(self, payload: Any) -> Any:
        return payload


class Caller:
    """Times calls of a sink, as the mesh's link makes them."""

    def __init__(self, sink: DeploymentHandle[Any]) -> None:
        pickled: dict[str, Any] = {
            "request_serialization": "pickle",
            "response_serialization": "pickle",
        }
        self._by_value = sink.options(method_name="echo", _by_reference=False, **pickled)
        self._by_reference = sink.options(method_name="echo", _by_reference=True)

    async def time(self, size: int, seconds: float, by_reference: bool) -> list[float]:  # noqa: FBT001
        """Give the seconds of each call there and back, one at a time."""
        data = bytes(size)
        took: list[float] = []
        began = time.perf_counter()
        while (start := time.perf_counter()) - began < seconds or len(took) < 5:
            if by_reference:
                await self._by_reference.remote(np.frombuffer(data, np.uint8))
            else:
                await self._by_value.remote(data)
            took.append(time.perf_counter() - start)
        return took


def summary(took: list[float]) -> dict[str, float]:
    return {"p50_ms": statistics.median(took) * 1e3, "calls": len(took)}

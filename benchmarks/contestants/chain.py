"""The naive Serve chain: an ingress and three deployments, one handle call a request and hop.

``Batched`` is the same with ``@serve.batch`` in each deployment.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle

from benchmarks.contestants.work import Work
from convoy.v1 import embedding_pb2, pipeline_pb2

MAX_ONGOING = 1000
"""Serve's default of 5 would make the chain collapse at 64 in flight."""
MOST = 64
"""Rows in a batch of ``@serve.batch``; how long it waits for them stays Serve's default, 10 ms."""


class Naive:
    """One step, a row at a time."""

    def __init__(self, work: Work, number: int) -> None:
        self._step = work.step(number)
        self._pool = ThreadPoolExecutor(1) if work.heavy[number] else None

    async def __call__(self, row: Any) -> Any:
        return (await self._run([row]))[0]

    async def _run(self, rows: list[Any]) -> list[Any]:
        if self._pool is None:
            return self._step(rows)
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._step, rows)


class Batched(Naive):
    """One step, on what ``@serve.batch`` collects."""

    @serve.batch(max_batch_size=MOST)
    async def __call__(self, rows: list[Any]) -> list[Any]:
        return await self._run(rows)


class Ingress:
    """Answers gRPC by Serve's own dispatch."""

    def __init__(self, *steps: DeploymentHandle[Any]) -> None:
        self._steps = steps

    async def Run(self, request: pipeline_pb2.RunRequest) -> pipeline_pb2.RunResponse:
        tensor = request.batch.tensors[0]
        tensor.data = await self._chain(tensor.data)
        return pipeline_pb2.RunResponse(batch=request.batch)

    async def Embed(self, request: embedding_pb2.EmbedRequest) -> embedding_pb2.EmbedResponse:
        vector = await self._chain(request.texts[0])
        embedding = embedding_pb2.Embedding(values=vector.tolist())
        return embedding_pb2.EmbedResponse(embeddings=[embedding], dimensions=len(vector))

    async def _chain(self, row: Any) -> Any:
        for step in self._steps:
            row = await step.remote(row)
        return row


def build(work: Work, *, batched: bool) -> Application:
    """Bind the chain."""
    options: dict[str, Any] = {
        "max_ongoing_requests": MAX_ONGOING,
        "ray_actor_options": {"num_cpus": 0.1},
    }
    step = serve.deployment(**options)(Batched if batched else Naive)
    steps = [step.options(name=f"step{n}").bind(work, n) for n in range(3)]
    return serve.deployment(**options)(Ingress).bind(*steps)

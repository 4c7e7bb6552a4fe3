"""The deployments of the naive chain."""

import asyncio
from typing import Any

from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle

from benchmarks.contestants.chain import MAX_ONGOING
from benchmarks.contestants.recommender import Recommender
from convoy import Batch
from convoy.v1 import recommendation_pb2 as pb
from convoy_services.rpc.recommendation import to_batch, to_items


class Step:
    """One stage, a request at a time."""

    def __init__(self, text: str, stage: str) -> None:
        self._stage = Recommender(text).load(stage)

    def __call__(self, batch: Batch) -> Batch:
        return self._stage.process(batch)


class Ingress:
    """Calls each step as soon as what it needs is there."""

    def __init__(self, text: str, steps: dict[str, DeploymentHandle[Any]]) -> None:
        self._recommender = Recommender(text)
        self._handles = steps

    async def Recommend(self, request: pb.RecommendRequest) -> pb.RecommendResponse:
        columns = self._recommender.begin(to_batch(request))
        there = {step.name: asyncio.Event() for step in self._recommender.steps}

        async def run(step: Any) -> None:
            for name in step.after & there.keys():
                await there[name].wait()
            taken = self._recommender.taken(step, columns, 1)
            columns.update(
                self._recommender.given(step, await self._handles[step.stage].remote(taken))
            )
            there[step.name].set()

        await asyncio.gather(*map(run, self._recommender.steps))
        items = to_items(Batch(rows=1, columns=columns), explain=False)
        return pb.RecommendResponse(items=items)


def build(text: str) -> Application:
    """Bind the chain."""
    options: dict[str, Any] = {
        "max_ongoing_requests": MAX_ONGOING,
        "ray_actor_options": {"num_cpus": 0.1},
    }
    step = serve.deployment(**options)(Step)
    steps = {
        s.stage: step.options(name=s.stage).bind(text, s.stage) for s in Recommender(text).steps
    }
    return serve.deployment(**options)(Ingress).bind(text, steps)

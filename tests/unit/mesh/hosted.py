"""A mesh without a cluster: real hosts, reached by the bytes that would cross a hop."""

import asyncio
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field

from convoy import Batch, Datatype, Tensor
from convoy_services.config import parse
from convoy_services.mesh import graph
from convoy_services.mesh.codec import CODECS
from convoy_services.mesh.context import NORMAL
from convoy_services.mesh.hop import StageRequest, StageResponse
from convoy_services.mesh.host import StageHost
from convoy_services.mesh.mesh import Mesh
from convoy_services.mesh.observer import NOBODY, Observer
from convoy_services.mesh.plan import MeshPlan
from convoy_services.mesh.request import Request


@dataclass
class HostLink:
    """Takes ``seconds`` on the way, then calls the host; an ``error`` is raised instead."""

    plan: MeshPlan
    deployment: str
    replicas: int = 1
    seconds: float = 0.0
    error: Exception | None = None
    requests: list[StageRequest] = field(default_factory=list)
    responses: list[StageResponse] = field(default_factory=list)
    times: list[tuple[float, float]] = field(default_factory=list)
    """When each call began and ended."""

    def __post_init__(self) -> None:
        stages = [self.plan.stages[name] for name in self.plan.deployments[self.deployment].stages]
        shared = [
            (pipeline.name, hop)
            for pipeline in self.plan.pipelines.values()
            for hop in pipeline.hops
            if hop.link == self.deployment and len(hop.steps) > 1
        ]
        self.host = StageHost(stages, shared)

    async def call(self, request: StageRequest) -> StageResponse:
        loop = asyncio.get_running_loop()
        self.requests.append(request)
        begun = loop.time()
        await asyncio.sleep(self.seconds)
        if self.error:
            raise copy(self.error)  # one that is raised holds on to the frames that it passed
        kind = self.plan.stages[request.stage].kind
        payload = CODECS[kind].write_request(request, loop.time())
        answer = await self.host.call(kind.value, payload)
        assert isinstance(answer, bytes)
        self.times.append((begun, loop.time()))
        self.responses.append(CODECS[kind].parse_response(answer))
        return self.responses[-1]

    async def bring(self, version: str) -> None:
        await self.host.bring(version)

    @property
    def rows(self) -> list[int]:
        """How many rows came with each request."""
        return [request.batch.rows for request in self.requests]


@dataclass
class Hosted:
    """A mesh over a link for each deployment."""

    mesh: Mesh
    links: Mapping[str, HostLink]

    @classmethod
    def of(cls, text: str, observer: Observer = NOBODY, **seconds: float) -> "Hosted":
        """Make the mesh of a configuration; ``seconds`` are those of each deployment's link."""
        # Two ingresses leave one slot to each: what waits travels as one batch.
        plan = graph.plan(parse(f"{text}\ningress: {{replicas: 2}}\n"))
        links = {
            name: HostLink(plan, name, seconds=seconds.get(name, 0.0)) for name in plan.deployments
        }
        return cls(Mesh(plan, links, observer=observer), links)

    async def ask(
        self, batch: Batch, pipeline: str = "p", timeout: float = 60.0, priority: int = NORMAL
    ) -> Batch:
        """Send rows through a pipeline."""
        running = self.mesh.pipeline(pipeline)
        now = asyncio.get_running_loop().time()
        inputs = running.plan.inputs.admit(batch)
        return await running.run(Request(inputs=inputs, deadline=now + timeout, priority=priority))


def numbers(*values: int, column: str = "x") -> Batch:
    """Make a batch of one column of integers."""
    return Batch(rows=len(values), columns={column: Tensor.pack(values, Datatype.INT64)})

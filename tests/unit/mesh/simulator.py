"""A mesh without a cluster: real queues, batcher and executor over stages that only take time."""

import asyncio
import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from convoy import Batch, Tensor
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.context import NORMAL
from convoy_services.mesh.hop import StageReport, StageRequest, StageResponse
from convoy_services.mesh.mesh import Mesh
from convoy_services.mesh.plan import (
    DeploymentPlan,
    HopPlan,
    Limits,
    MeshPlan,
    PipelinePlan,
    StagePlan,
    StepPlan,
)
from convoy_services.mesh.request import Request
from convoy_services.mesh.stage import StageKind

Seconds = Callable[[int], float]
"""The time that a row takes, by the number in its column ``row``."""

ROW = Columns(row=Column("INT64"))


@dataclass
class Stage:
    """``replicas`` that each take one batch at a time, and the time of each of its rows.

    Of the batches that wait the most urgent is first, as in a replica's pool.
    """

    seconds: Seconds
    replicas: int = 1
    ready: bool = True
    overhead: float = 0.0
    """The time of a batch, however few rows it has."""
    batches: list[int] = field(default_factory=list)
    """The rows of each batch that came."""

    def __post_init__(self) -> None:
        self._free = self.replicas
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    async def call(self, request: StageRequest) -> StageResponse:
        rows = request.batch["row"].array.tolist()
        self.batches.append(len(rows))
        seconds = self.overhead + sum(map(self.seconds, rows))
        turn = asyncio.get_running_loop().create_future()
        urgency = int(request.rows.priorities.max())
        heapq.heappush(self._waiting, (-urgency, len(self.batches), turn))
        self._begin()
        await turn
        try:
            await asyncio.sleep(seconds)
        finally:
            self._free += 1
            self._begin()
        report = StageReport(compute_us=round(seconds * 1e6))
        return StageResponse(batch=request.batch, report=report)

    def _begin(self) -> None:
        while self._free and self._waiting:
            *_, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._free -= 1
                turn.set_result(None)


def chain(stages: Mapping[str, Stage], limits: Limits | None = None) -> Mesh:
    """Make a mesh of one pipeline, ``chain``, that passes its column through every stage."""
    steps: list[StepPlan] = []
    for name in stages:
        steps.append(
            StepPlan(
                name=name,
                stage=name,
                deployment=name,
                consumes={"row": steps[-1].name if steps else "row"},
                produces={"row": name},
                columns=Columns(**{name: Column("INT64")}),
                after=frozenset({steps[-1].name} if steps else ()),
            )
        )
    pipeline = PipelinePlan(
        name="chain",
        inputs=ROW,
        outputs=ROW,
        sources={"row": steps[-1].name},
        steps=tuple(steps),
        hops=tuple(HopPlan.of(step, step.deployment) for step in steps),
        limits=limits or Limits(),
    )
    plan = MeshPlan(
        stages={name: _stage(name) for name in stages},
        deployments={
            name: DeploymentPlan(name=name, stages=(name,), replicas=stage.replicas)
            for name, stage in stages.items()
        },
        pipelines={"chain": pipeline},
    )
    return Mesh(plan, stages)


def _stage(name: str) -> StagePlan:
    return StagePlan(
        name=name,
        cls="",
        settings={},
        kind=StageKind.INFERENCE,
        consumes=ROW,
        produces=ROW,
        idempotent=True,
        offload=True,
        cpus=1,
        gpus=0,
        hangs_after=60,
        deployment=name,
    )


def rows(*numbers: int) -> Batch:
    """Make a batch of the column ``row``."""
    return Batch(rows=len(numbers), columns={"row": Tensor.pack(numbers, *_ROW)})


_ROW = (ROW["row"].datatype, ROW["row"].shape)


async def ask(mesh: Mesh, batch: Batch, timeout: float = 60.0, priority: int = NORMAL) -> Batch:
    """Send rows through the pipeline ``chain``."""
    now = asyncio.get_running_loop().time()
    request = Request(inputs=batch, deadline=now + timeout, priority=priority)
    return await mesh.pipeline("chain").run(request)

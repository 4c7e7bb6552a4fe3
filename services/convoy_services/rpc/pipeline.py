"""PipelineService: any pipeline by its name."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from convoy import Batch
from convoy.datatype import TO_WIRE
from convoy.errors import invalid
from convoy.v1 import pipeline_pb2 as pb
from convoy.wire import read_batch, write_batch
from convoy_services.mesh.column import Columns
from convoy_services.mesh.mesh import Mesh
from convoy_services.mesh.pipeline import Pipeline
from convoy_services.mesh.plan import StagePlan, StepPlan
from convoy_services.mesh.stage import StageKind
from convoy_services.rpc.call import Call

KINDS = {
    StageKind.PREPROCESS: pb.STAGE_KIND_PREPROCESS,
    StageKind.INFERENCE: pb.STAGE_KIND_INFERENCE,
    StageKind.POSTPROCESS: pb.STAGE_KIND_POSTPROCESS,
}


class PipelineServicer:
    """Runs, lists and describes pipelines."""

    descriptor = pb.DESCRIPTOR.services_by_name["PipelineService"]

    def __init__(self, mesh: Mesh) -> None:
        """Answer from ``mesh``."""
        self._mesh = mesh

    async def Run(self, request: pb.RunRequest, call: Call) -> pb.RunResponse:
        """Answer when all rows have, each with its own status."""
        pipeline = self._mesh.pipeline(request.pipeline)
        names = _outputs(pipeline, request.outputs)
        inputs = pipeline.plan.inputs.admit(read_batch(request.batch))
        result = await pipeline.run(call.request(inputs, pipeline.plan.limits.timeout))
        response = pb.RunResponse()
        write_batch(result.select(names), response.batch)
        return response

    async def RunStream(
        self, request: pb.RunStreamRequest, call: Call
    ) -> AsyncIterator[pb.RunStreamResponse]:
        """Answer with each part of the rows as soon as it is there."""
        pipeline = self._mesh.pipeline(request.pipeline)
        names = _outputs(pipeline, request.outputs)
        inputs = pipeline.plan.inputs.admit(read_batch(request.batch))
        parts: asyncio.Queue[tuple[int, Batch] | None] = asyncio.Queue()
        waiting = call.request(inputs, pipeline.plan.limits.timeout)
        waiting.on_part = lambda start, part: parts.put_nowait((start, part))
        running = asyncio.create_task(pipeline.run(waiting))
        running.add_done_callback(lambda _: parts.put_nowait(None))
        try:
            while (part := await parts.get()) is not None:
                response = pb.RunStreamResponse(first_row=part[0])
                write_batch(part[1].select(names), response.batch)
                yield response
            await running
        finally:
            running.cancel()

    async def List(self, request: pb.ListRequest, call: Call) -> pb.ListResponse:
        """Name the pipelines."""
        return pb.ListResponse(pipelines=sorted(self._mesh.plan.pipelines))

    async def Describe(self, request: pb.DescribeRequest, call: Call) -> pb.DescribeResponse:
        """Tell a pipeline's graph and columns."""
        plan = self._mesh.pipeline(request.pipeline).plan
        stages = self._mesh.plan.stages
        response = pb.DescribeResponse(
            pipeline=plan.name,
            inputs=_columns(plan.inputs),
            outputs=_columns(plan.outputs),
            steps=[_step(step, stages[step.stage]) for step in plan.steps],
            limits=pb.PipelineLimits(rows=plan.limits.rows, bytes=plan.limits.bytes),
        )
        response.limits.timeout.FromNanoseconds(round(plan.limits.timeout * 1e9))
        return response


def _outputs(pipeline: Pipeline, names: Sequence[str]) -> Sequence[str]:
    known = pipeline.plan.outputs
    for i, name in enumerate(names):
        if name not in known:
            raise invalid(f"outputs[{i}]", f"there is no output {name[:64]!r}; there are: {known}")
    return names or list(known)


def _columns(columns: Columns) -> list[pb.ColumnSpec]:
    return [
        pb.ColumnSpec(
            name=name,
            datatype=TO_WIRE[c.datatype],
            shape=c.shape,
            optional=c.optional,
            finite=c.finite,
        )
        for name, c in columns.items()
    ]


def _step(step: StepPlan, stage: StagePlan) -> pb.StepSpec:
    spec = pb.StepSpec(
        name=step.name,
        stage=step.stage,
        kind=KINDS[stage.kind],
        deployment=step.deployment,
        consumes=step.consumes.values(),
        produces=_columns(step.columns),
        when=step.when or "",
        optional=step.optional,
    )
    if step.budget is not None:
        spec.budget.FromNanoseconds(round(step.budget * 1e9))
    return spec

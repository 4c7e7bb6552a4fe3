"""What a pipeline has done, in Triton's words."""

from collections.abc import Mapping

from convoy.oip.v2 import inference_pb2 as pb
from convoy_services.mesh.pipeline import Pipeline
from convoy_services.mesh.stage import StageKind
from convoy_services.mesh.statistics import Total
from convoy_services.rpc.oip.model import live


def statistics(pipeline: Pipeline) -> pb.ModelStatistics:
    """Tell the requests, rows and batches since the ingress started."""
    told = pipeline.statistics
    return pb.ModelStatistics(
        name=pipeline.plan.name,
        version=live(pipeline),
        last_inference=round(told.last * 1e3),
        inference_count=told.rows,
        execution_count=sum(
            batch.compute[StageKind.INFERENCE].count for batch in told.batches.values()
        ),
        inference_stats=pb.InferStatistics(
            success=_duration(told.success),
            fail=_duration(told.fail),
            queue=_duration(told.queue),
            **_compute(told.compute),
        ),
        batch_stats=[
            pb.InferBatchStatistics(batch_size=size, **_compute(told.batches[size].compute))
            for size in sorted(told.batches)
        ],
    )


def _compute(compute: Mapping[StageKind, Total]) -> dict[str, pb.StatisticDuration]:
    return {
        "compute_input": _duration(compute[StageKind.PREPROCESS]),
        "compute_infer": _duration(compute[StageKind.INFERENCE]),
        "compute_output": _duration(compute[StageKind.POSTPROCESS]),
    }


def _duration(total: Total) -> pb.StatisticDuration:
    return pb.StatisticDuration(count=total.count, ns=round(total.seconds * 1e9))

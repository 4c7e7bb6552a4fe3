"""PipelineService's Watch: what the pipelines do."""

import math
from collections.abc import AsyncIterator
from contextlib import aclosing

from convoy.v1 import pipeline_pb2 as pb
from convoy_services.mesh.mesh import Mesh
from convoy_services.mesh.plan import HopPlan
from convoy_services.rpc.call import Call
from convoy_services.telemetry.look import Change
from convoy_services.telemetry.lookout import PERIOD, Lookout


class WatchServicer:
    """Tells what a mesh does, as its metrics say."""

    descriptor = pb.DESCRIPTOR.services_by_name["PipelineService"]

    def __init__(self, mesh: Mesh, lookout: Lookout) -> None:
        """Tell of ``mesh``, and of what ``lookout`` sees."""
        self._mesh = mesh
        self._lookout = lookout
        self._told: tuple[Change, pb.WatchResponse] | None = None
        """What was last made of a change: all watchers are told the same."""

    async def Watch(self, request: pb.WatchRequest, call: Call) -> AsyncIterator[pb.WatchResponse]:
        """Tell what happened, about once a second.

        It ends without an error where this ingress leaves, or where the call's deadline is so near
        that nothing more would come: who still wants to know asks again.
        """
        async with aclosing(self._lookout.changes()) as changes:
            async for change in changes:
                yield self._response(change)
                if self._mesh.leaving or call.timeout(math.inf) < 2 * PERIOD:
                    return

    def _response(self, change: Change) -> pb.WatchResponse:
        if self._told is None or self._told[0] is not change:
            names = sorted(self._mesh.plan.pipelines)
            pipelines = [self._pipeline(change, name) for name in names]
            self._told = change, pb.WatchResponse(pipelines=pipelines)
        return self._told[1]

    def _pipeline(self, change: Change, name: str) -> pb.PipelineActivity:
        pipeline, of = self._mesh.pipeline(name), {"pipeline": name}
        every = change.rate("convoy_request_seconds_count", **of)
        good = change.rate("convoy_request_seconds_count", **of, code="OK")
        return pb.PipelineActivity(
            pipeline=name,
            ready=pipeline.ready,
            queue_rows=int(change.now.total("convoy_queue_rows", **of)),
            in_flight=int(change.now.total("convoy_in_flight", **of)),
            requests_per_second=every,
            failures_per_second=max(0.0, every - good),
            rows_per_second=change.rate("convoy_rows_total", **of),
            p50_seconds=_known(change.quantile(0.5, "convoy_request_seconds", **of)),
            p99_seconds=_known(change.quantile(0.99, "convoy_request_seconds", **of)),
            batch_rows=_known(change.mean("convoy_batch_rows", **of)),
            batch_requests=_known(change.mean("convoy_batch_requests", **of)),
            steps=[self._step(change, name, hop) for hop in pipeline.plan.hops],
        )

    def _step(self, change: Change, pipeline: str, hop: HopPlan) -> pb.StepActivity:
        """Tell of a hop. The seconds that batches spend there in a second are their mean number."""
        of = {"pipeline": pipeline, "stage": hop.name}
        return pb.StepActivity(
            step=hop.name,
            replicas=self._mesh.replicas(hop.link),
            batches_per_second=change.rate("convoy_hop_seconds_count", **of),
            in_flight=change.rate("convoy_hop_seconds_sum", **of),
            queued=change.rate("convoy_hop_queue_seconds_sum", **of),
            computing=change.rate("convoy_compute_seconds_sum", **of),
            hop_seconds=_known(change.mean("convoy_hop_seconds", **of)),
            failures_per_second=change.rate("convoy_hop_failures_total", **of),
            fallback_rows_per_second=change.rate("convoy_fallbacks_total", **of),
        )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value

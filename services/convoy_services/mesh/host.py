"""The Serve deployment that hosts a stage, and those placed with it."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from convoy import Code, ConvoyError
from convoy_services.mesh.codec import CODECS, Payload
from convoy_services.mesh.fault import fault
from convoy_services.mesh.hop import StageReport, StageRequest, StageResponse
from convoy_services.mesh.inside import Inside
from convoy_services.mesh.local import LocalStage
from convoy_services.mesh.plan import HopPlan, StagePlan
from convoy_services.mesh.replica import Replica
from convoy_services.mesh.stage import StageKind

DEFAULT_TIMEOUT = 60.0
"""Seconds that a row has which names no deadline: only a stage called alone can have such."""


class StageHost(Replica):
    """Hosts one or more stages in a replica: takes batches apart, runs them, answers."""

    def __init__(self, stages: Sequence[StagePlan], shared: Sequence[tuple[str, HopPlan]]) -> None:
        """Load ``stages``; ``shared`` are the hops of several steps, with their pipelines."""
        super().__init__(stages[0].deployment)
        self._stages: dict[str, LocalStage] = {}
        compute = ThreadPoolExecutor(1, thread_name_prefix="compute")
        self._stages |= {plan.name: LocalStage(plan, compute) for plan in stages}
        with self.loading():
            for stage in self._stages.values():
                compute.submit(stage.load).result()
        self._shared = {
            (pipeline, hop.name): _Shared(pipeline, hop, self._stages) for pipeline, hop in shared
        }

    async def call(self, kind: str, payload: Payload) -> Payload:
        """Answer one serialized stage request with a serialized response.

        Raises ConvoyError for a request that is faulty as a whole; rows fail each for itself.
        """
        codec = CODECS[StageKind(kind)]
        now = asyncio.get_running_loop().time()
        request = codec.parse_request(payload, now, DEFAULT_TIMEOUT)
        shared = self._shared.get((request.pipeline, request.step))
        response = await (shared or self._stage(request.stage)).call(request)
        answer = codec.write_response(response)
        return answer if isinstance(payload, bytes) else np.frombuffer(answer, np.uint8)

    async def bring(self, version: str) -> None:
        """Load a version of the model of each stage that has such, beside what there is.

        Raises ConvoyError NOT_FOUND, FAILED_PRECONDITION where it cannot be loaded.
        """
        for stage in self._stages.values():
            if stage.plan.repository:
                try:
                    await stage.bring(version)
                except ConvoyError:
                    raise
                except Exception as exc:
                    raise _unloadable(version, stage.plan.name, exc) from exc

    def check_health(self) -> None:
        """Raise TimeoutError where a stage hangs: Serve then replaces the replica."""
        for stage in self._stages.values():
            stage.check()

    def versions(self) -> dict[str, str]:
        """Name the version that is live here of each stage that has such."""
        for stage in self._stages.values():
            stage.follow()
        return {name: s.version for name, s in self._stages.items() if s.plan.repository}

    def _stage(self, name: str) -> LocalStage:
        stage = self._stages.get(name)
        if stage is None:
            raise ConvoyError(Code.NOT_FOUND, f"there is no stage {name!r} here", "STAGE_NOT_FOUND")
        return stage

    def close(self) -> None:
        """Let go of what the stages hold."""
        for stage in self._stages.values():
            stage.close()


def _unloadable(version: str, stage: str, exc: Exception) -> ConvoyError:
    """Say that a version is broken; how is in the log, under an id."""
    logged = fault(f"loading version {version} into {stage}", exc, stage)
    return ConvoyError(
        Code.FAILED_PRECONDITION,
        f"version {version} does not load: its files are broken, or some are missing",
        "VERSION_BROKEN",
        stage,
        metadata=logged.metadata,
    )


class _Shared:
    """A hop of several steps."""

    def __init__(self, pipeline: str, hop: HopPlan, stages: dict[str, LocalStage]) -> None:
        self._columns = hop.columns
        self._inside = Inside(pipeline, hop.steps, stages)

    async def call(self, request: StageRequest) -> StageResponse:
        table, journey = await self._inside.run(request)
        reports = journey.reports.values()
        report = StageReport(
            queue_us=sum(r.queue_us for r in reports),
            compute_us=sum(r.compute_us for r in reports),
            expired=sum(r.expired for r in reports),
            bisections=sum(r.bisections for r in reports),
        )
        return StageResponse(
            batch=table.result(self._columns, {name: name for name in self._columns}), report=report
        )

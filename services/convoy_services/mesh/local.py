"""A stage in this process."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from convoy_services.mesh.hop import StageRequest, StageResponse
from convoy_services.mesh.job import Job
from convoy_services.mesh.loaded import LoadedStage
from convoy_services.mesh.plan import StagePlan
from convoy_services.mesh.trace import compute_spans

KEPT = 120.0
"""Seconds for which a version is kept that no batch asks for any more, once another is live."""


class LocalStage:
    """Runs one stage here: the link of a deployment's host to its own stages.

    Where the stage's model has versions, each that batches still ask for is loaded beside the one
    that is live.
    """

    replicas = 1

    def __init__(self, plan: StagePlan, compute: ThreadPoolExecutor) -> None:
        """Make the stage; ``compute`` is the thread that all stages of the host share."""
        self.plan = plan
        self._compute = compute
        self.version = plan.repository.live() if plan.repository else ""
        """The version that is live here; empty where there are none."""
        self._loaded = {self.version: LoadedStage(plan, self.version, compute)}
        self._loading: dict[str, asyncio.Task[LoadedStage]] = {}

    def load(self) -> None:
        """Make the stage ready."""
        self._loaded[self.version].load()

    async def bring(self, version: str) -> None:
        """Load another version beside what there is; it is live once it is chosen.

        Raises ConvoyError NOT_FOUND, or what loading raises.
        """
        await self._find(version)

    def follow(self) -> None:
        """Hold that version for live that is chosen now, if it is loaded."""
        chosen = self.plan.repository.chosen() if self.plan.repository else ""
        if chosen in self._loaded:
            self.version = chosen

    def close(self) -> None:
        """Let go of what the stage holds."""
        for loaded in self._loaded.values():
            loaded.close()

    def check(self) -> None:
        """Raise TimeoutError where a computation takes longer than any should.

        Let go, too, of versions that are not used any more.
        """
        busy = max(loaded.busy for loaded in self._loaded.values())
        if busy > self.plan.hangs_after:
            raise TimeoutError(f"stage {self.plan.name} hangs: {busy:.0f} s")
        self.follow()
        now = time.monotonic()
        for version, loaded in list(self._loaded.items()):
            if version != self.version and now - loaded.used > KEPT:
                del self._loaded[version]
                loaded.close()

    async def call(self, request: StageRequest) -> StageResponse:
        """Run the stage on the rows whose deadline has not passed."""
        batch = self.plan.consumes.complete(request.batch)
        self.plan.consumes.check(batch)
        job = Job(batch, request.rows, self.plan.produces)
        pinned = request.model_version if self.plan.repository else ""
        loaded = self._loaded.get(pinned or self.version) or await self._find(pinned)
        await loaded.run(job)
        compute_spans(request.trace, self.plan.name, job.computed)
        return job.response()

    async def _find(self, version: str) -> LoadedStage:
        """Give a version, loaded in a thread of its own where it is not there yet."""
        if version in self._loaded:
            return self._loaded[version]
        if version not in self._loading:
            self._loading[version] = asyncio.create_task(self._make(version))
            self._loading[version].add_done_callback(lambda _: self._loading.pop(version))
        return await asyncio.shield(self._loading[version])

    async def _make(self, version: str) -> LoadedStage:
        assert self.plan.repository is not None
        loaded = LoadedStage(self.plan, self.plan.repository.find(version), self._compute)
        await asyncio.to_thread(loaded.load)
        self._loaded[version] = loaded
        return loaded

"""The mesh inside one ingress: every pipeline, over the same links and slots."""

import asyncio
from collections.abc import Mapping

from convoy import Code, ConvoyError
from convoy_services.mesh.hop import Deployment
from convoy_services.mesh.observer import NOBODY, Observer
from convoy_services.mesh.pipeline import Pipeline
from convoy_services.mesh.plan import MeshPlan
from convoy_services.mesh.slots import Slots
from convoy_services.mesh.streams import Streams


class Mesh:
    """All pipelines of a plan, at work."""

    def __init__(
        self,
        plan: MeshPlan,
        links: Mapping[str, Deployment],
        streams: Mapping[str, Streams] | None = None,
        observer: Observer = NOBODY,
    ) -> None:
        """Run ``plan`` over one link to each deployment, or one ``Streams`` where it streams.

        ``observer`` is told what happens.
        """
        self.plan = plan
        self.links = links
        self.streams = streams or {}
        self.leaving = False
        """Whether this ingress soon ends: it answers those that still come."""
        self.slots = {name: Slots(plan.slots(name)) for name in plan.deployments}
        self._pipelines = {
            name: Pipeline(pipeline, plan, links, self.streams, self.slots, observer)
            for name, pipeline in plan.pipelines.items()
        }

    def pipeline(self, name: str) -> Pipeline:
        """Give a pipeline by name; raises ConvoyError NOT_FOUND with the names there are."""
        pipeline = self._pipelines.get(name)
        if pipeline is None:
            known = ", ".join(sorted(self._pipelines))
            raise ConvoyError(
                Code.NOT_FOUND,
                f"there is no pipeline {name[:64]!r}; there are: {known}",
                "PIPELINE_NOT_FOUND",
                metadata={"pipelines": known},
            )
        return pipeline

    def replicas(self, deployment: str) -> int:
        """Tell how many replicas of a deployment are there."""
        way = self.streams.get(deployment) or self.links[deployment]
        return way.replicas

    async def bring(self, name: str, version: str) -> str:
        """Let a pipeline, and all that share its models, run with a version of them; name it.

        The newest where ``version`` is empty. It is loaded everywhere first; batches that are
        under way keep theirs. Raises ConvoyError NOT_FOUND, FAILED_PRECONDITION where nothing in
        the pipeline has versions, or what loading raises: all stays then as it was.
        """
        repository = self.pipeline(name).plan.repository
        if repository is None:
            raise ConvoyError(
                Code.FAILED_PRECONDITION,
                f"no stage of the pipeline {name} has versions of a model",
                "NO_VERSIONS",
            )
        version = repository.find(version)
        concerned = {s.deployment for s in self.plan.stages.values() if s.repository == repository}
        loads = (self.links[name].bring(version) for name in concerned)
        for result in await asyncio.gather(*loads, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
        repository.choose(version)
        self.follow()
        return version

    def follow(self) -> None:
        """Take the versions that are live now, and the replicas that are there."""
        for pipeline in self._pipelines.values():
            pipeline.follow()
        for streams in self.streams.values():
            streams.follow()

    @property
    def ready(self) -> bool:
        """Whether every pipeline is ready, but for those that were closed on purpose."""
        pipelines = self._pipelines.values()
        return not self.leaving and all(p.ready for p in pipelines if p.open)

    async def drain(self) -> None:
        """Admit no more requests and wait until none waits or is under way."""
        for pipeline in self._pipelines.values():
            pipeline.open = False
        await asyncio.gather(*(pipeline.drain() for pipeline in self._pipelines.values()))

"""The mesh inside one ingress: every pipeline, over the same links and slots."""

import asyncio
from collections.abc import Mapping

from convoy import Code, ConvoyError
from convoy_services.mesh.hop import Link
from convoy_services.mesh.observer import NOBODY, Observer
from convoy_services.mesh.pipeline import Pipeline
from convoy_services.mesh.plan import MeshPlan
from convoy_services.mesh.slots import Slots


class Mesh:
    """All pipelines of a plan, at work."""

    def __init__(
        self, plan: MeshPlan, links: Mapping[str, Link], observer: Observer = NOBODY
    ) -> None:
        """Run ``plan`` over one link to each deployment; ``observer`` is told what happens."""
        self.plan = plan
        self.links = links
        self.leaving = False
        """Whether this ingress soon ends: it answers those that still come."""
        self.slots = {name: Slots(plan.slots(name)) for name in plan.deployments}
        self._pipelines = {
            name: Pipeline(pipeline, plan, links, self.slots, observer)
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

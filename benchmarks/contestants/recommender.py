"""The recommender's own stages, called by whoever wires them: no mesh, no batching, no fallback."""

from collections.abc import Mapping
from typing import Any

from convoy import Batch, Tensor
from convoy_services.config import parse
from convoy_services.mesh.graph import plan
from convoy_services.mesh.loaded import stage_class
from convoy_services.mesh.plan import StepPlan
from convoy_services.mesh.stage import Stage

PIPELINE = "recommendation"
UNASKED = {"tokenize", "encode", "normalize", "recall_text"}
"""Steps that run for a query alone; the load has none."""


class Recommender:
    """The steps of a configuration, in their order."""

    def __init__(self, text: str) -> None:
        """Read a mesh.yaml; no stage is made yet."""
        self._mesh = plan(parse(text))
        self._pipeline = self._mesh.pipelines[PIPELINE]
        self.steps = [step for step in self._pipeline.steps if step.name not in UNASKED]

    def load(self, name: str) -> Stage:
        """Make a stage ready."""
        told = self._mesh.stages[name]
        stage = stage_class(told.cls)(**told.settings)
        stage.cpus = told.cpus
        if told.repository:
            stage.folder = told.repository / told.repository.live()
        stage.load()
        stage.warm()
        return stage

    def begin(self, batch: Batch) -> dict[str, Tensor]:
        """Give the columns of some requests, and what the steps that do not run would have left."""
        columns = dict(self._pipeline.inputs.complete(batch).columns)
        for step in self._pipeline.steps:
            if step.name in UNASKED:
                for name, column in step.columns.items():
                    columns[name] = column.repeat(step.fallback[name].value, batch.rows)
        return columns

    def taken(self, step: StepPlan, columns: Mapping[str, Tensor], rows: int) -> Batch:
        """Give what a step takes."""
        taken = {theirs: columns[ours] for theirs, ours in step.consumes.items()}
        consumes = self._mesh.stages[step.stage].consumes
        return consumes.complete(Batch(rows=rows, columns=taken))

    @staticmethod
    def given(step: StepPlan, batch: Batch) -> dict[str, Any]:
        """Give what a step adds."""
        batch.raise_for_failures()
        return {ours: batch.columns[theirs] for theirs, ours in step.produces.items()}

"""The mesh as data: stages, pipelines and their steps, checked and ready to run.

A plan is made once by ``graph`` from the configuration, and travels to every process of the
mesh: an ingress knows the whole graph without importing a single stage.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from convoy_services.mesh.column import Columns
from convoy_services.mesh.repository import Repository
from convoy_services.mesh.stage import StageKind


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePlan:
    """One stage, shared by every pipeline that names it."""

    name: str
    cls: str
    """Where its class is: ``module:name``."""
    settings: Mapping[str, Any]
    kind: StageKind
    consumes: Columns
    produces: Columns
    idempotent: bool
    offload: bool
    cpus: float
    gpus: float
    hangs_after: float
    """Seconds after which a computation is held to hang."""
    deployment: str
    """The deployment that it runs in: its own name, or another stage's when placed with it."""
    repository: Repository | None = None
    """Where the versions of its model are."""
    streaming: bool = False
    """Whether its rows have many results each."""
    incremental: bool = False
    """Whether it stands behind a streaming one, and is given results as they come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentPlan:
    """One Serve deployment: a stage and those that are placed with it."""

    name: str
    stages: tuple[str, ...]
    replicas: int = 1
    cpus: float = 0.1
    gpus: float = 0
    streaming: bool = False
    """Whether one of its stages streams: rows are then begun there, and not awaited."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """What stands in for a column of a step that did not run for a row."""

    value: Any
    like: str | None = None
    """For a ragged column: the pipeline's column whose row lengths it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlan:
    """One step of a pipeline: a stage and how its columns are wired."""

    name: str
    stage: str
    deployment: str
    consumes: Mapping[str, str]
    """The stage's column → the pipeline's."""
    produces: Mapping[str, str]
    """The stage's column → the pipeline's, only for those that are used."""
    columns: Columns
    """The pipeline's columns that the step adds."""
    after: frozenset[str]
    """The steps that must have finished."""
    when: str | None = None
    """The BOOL column that chooses the rows which cross."""
    optional: bool = False
    budget: float | None = None
    """Seconds that an optional step may take."""
    fallback: Mapping[str, Fallback] = field(default_factory=dict)
    """What stands in for each column of ``columns``, where ``when`` or ``optional`` need it."""
    idempotent: bool = True
    """Whether rows may be sent again that may have arrived."""
    streaming: bool = False
    """Whether its rows have many results each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HopPlan:
    """One or more steps that a batch passes in one deployment, without leaving it.

    Steps that share a hop are run by the deployment's host, which also keeps their conditions
    and fallbacks; a hop of one step keeps them itself.
    """

    name: str
    """The first step's name, which the stage request carries."""
    link: str
    """The link that leads to it."""
    steps: tuple[StepPlan, ...]
    consumes: tuple[str, ...]
    """The pipeline's columns that must be there before it starts."""
    columns: Columns
    """The pipeline's columns that come back."""
    after: frozenset[str]
    """The hops that must have finished."""
    when: str | None = None
    optional: bool = False
    budget: float | None = None
    fallback: Mapping[str, Fallback] = field(default_factory=dict)

    @property
    def idempotent(self) -> bool:
        """Whether rows may be sent again that may have arrived."""
        return all(step.idempotent for step in self.steps)

    @property
    def streaming(self) -> bool:
        """Whether its rows have many results each; it is then the pipeline's last."""
        return any(step.streaming for step in self.steps)

    @classmethod
    def of(cls, step: StepPlan, link: str) -> Self:
        """Make the hop of a step that travels alone."""
        return cls(
            name=step.name,
            link=link,
            steps=(step,),
            consumes=tuple(step.consumes.values()),
            columns=step.columns,
            after=step.after,
            when=step.when,
            optional=step.optional,
            budget=step.budget,
            fallback=step.fallback,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of a pipeline's queue and batches."""

    rows: int = 4096
    bytes: int = 16 << 20
    timeout: float = 30.0
    batch_rows: int = 256
    batch_bytes: int = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelinePlan:
    """A DAG of steps."""

    name: str
    inputs: Columns
    outputs: Columns
    sources: Mapping[str, str]
    """The output → the pipeline's column that it is."""
    steps: tuple[StepPlan, ...]
    """Each after those that it depends on."""
    hops: tuple[HopPlan, ...]
    limits: Limits
    repository: Repository | None = None
    """Where the versions are of its stages' models: a batch meets one and the same in each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshPlan:
    """Everything that runs."""

    stages: Mapping[str, StagePlan]
    deployments: Mapping[str, DeploymentPlan]
    pipelines: Mapping[str, PipelinePlan]
    ingress_replicas: int = 1

    def slots(self, deployment: str) -> int:
        """How many batches one ingress may have under way to a deployment (design, §1)."""
        replicas = self.deployments[deployment].replicas
        return max(1, -(-(replicas + 1) // self.ingress_replicas))

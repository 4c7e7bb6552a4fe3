"""Configuration → plan: everything is checked here, before anything starts."""

from collections.abc import Mapping
from inspect import signature

from convoy_services.config import ConfigError, MeshConfig, Path_, Problem, Source, StageConfig
from convoy_services.mesh.loaded import stage_class
from convoy_services.mesh.plan import DeploymentPlan, MeshPlan, StagePlan
from convoy_services.mesh.repository import Repository
from convoy_services.mesh.stage import Incremental, Stage, Streaming
from convoy_services.mesh.suggest import suggest
from convoy_services.mesh.wiring import Wiring, is_placed


def plan(source: Source) -> MeshPlan:
    """Check the whole configuration and wire it; raises ConfigError with every problem.

    Of a source with problems it checks what was read.
    """
    problems = list(source.problems)
    mesh = source.mesh
    stages = _stages(source, problems)
    pipelines = {
        name: Wiring(source, ("pipelines", name), stages, problems).pipeline(name, config)
        for name, config in mesh.pipelines.items()
    }
    _check_used(source, problems)
    _check_streaming(source, stages, problems)
    if problems:
        raise ConfigError(problems)
    return MeshPlan(
        stages=stages,
        deployments=_deployments(mesh, stages),
        pipelines={name: p for name, p in pipelines.items() if p is not None},
        ingress_replicas=mesh.ingress.replicas,
    )


def _stages(source: Source, problems: list[Problem]) -> dict[str, StagePlan]:
    stages: dict[str, StagePlan] = {}
    configs = source.mesh.stages
    for name, config in configs.items():
        path: Path_ = ("stages", name)
        try:
            cls = stage_class(config.cls)
        except Exception as exc:  # whatever the module does when it is imported
            reason = str(exc).removeprefix(config.cls).lstrip()
            problems.append(source.problem((*path, "class"), f"{config.cls}: {reason}"))
            continue
        try:
            _check_names(cls, config)
            stage = cls(**config.settings)
        except Exception as exc:
            message = f"{config.cls} refuses them: {exc}"
            problems.append(source.problem((*path, "settings"), message))
            continue
        silent = [name for name in ("consumes", "produces") if not hasattr(stage, name)]
        if silent:
            message = f"{config.cls} does not say what it {' and '.join(silent)}"
            problems.append(source.problem((*path, "class"), message))
            continue
        home = config.place_with or name
        hosts = [other for other in configs if other != name and not configs[other].place_with]
        if config.place_with and home not in hosts and source.knows(("stages", home)):
            message = f"there is no stage {home!r} with a deployment of its own"
            problem = source.problem((*path, "place_with"), suggest(message, home, hosts))
            problems.append(problem)
        stages[name] = StagePlan(
            name=name,
            cls=config.cls,
            settings=config.settings,
            kind=cls.kind,
            consumes=stage.consumes,
            produces=stage.produces,
            idempotent=stage.idempotent,
            offload=stage.offload,
            cpus=stage.cpus if config.cpus is None else config.cpus,
            gpus=config.gpus,
            hangs_after=config.hangs_after,
            deployment=home,
            repository=Repository(stage.repository) if stage.repository else None,
            streaming=isinstance(stage, Streaming),
            incremental=isinstance(stage, Incremental),
        )
    return stages


def _check_names(cls: type[Stage], config: StageConfig) -> None:
    """Raise TypeError where a stage takes no such setting, or lacks one; Python says less."""
    takes = signature(cls).parameters.values()
    named = {p.name: p for p in takes if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    if not any(p.kind is p.VAR_KEYWORD for p in takes):
        for name in config.settings:
            if name not in named:
                raise TypeError(suggest(f"it takes no setting {name!r}", name, named))
    for name, p in named.items():
        if p.default is p.empty and name not in config.settings:
            raise TypeError(f"it needs the setting {name!r}")


def _check_used(source: Source, problems: list[Problem]) -> None:
    """Name the stages that no pipeline uses, where all that the pipelines use is known."""
    mesh = source.mesh
    used = {step.stage for pipeline in mesh.pipelines.values() for step in pipeline.steps}
    used |= {mesh.stages[name].place_with or name for name in used & mesh.stages.keys()}
    misspelt = any(name not in mesh.stages and source.knows(("stages", name)) for name in used)
    unread = any(path[0] == "pipelines" and len(path) < 3 for path in source.unread)
    if misspelt or unread or not used:
        return
    for name in mesh.stages:
        if name not in used:
            message = f"no pipeline uses the stage {name!r}; name it in a step or take it out"
            problems.append(source.problem(("stages", name), message))


def _check_streaming(
    source: Source, stages: Mapping[str, StagePlan], problems: list[Problem]
) -> None:
    """Let a streaming stage share its deployment with those that lead to it or stand behind it."""
    homes: dict[str, list[StagePlan]] = {}
    for stage in stages.values():
        homes.setdefault(stage.deployment, []).append(stage)
    for stage in stages.values():
        message = ""
        streaming = [other.name for other in homes[stage.deployment] if other.streaming]
        if not streaming and stage.incremental and is_placed(source, stages, stage):
            message = "place it with the streaming stage that it stands behind: place_with: …"
        elif stage.streaming and stage.deployment != stage.name:
            message = "it streams: give it a deployment of its own"
        elif streaming and stage.repository:
            message = f"{streaming[0]} streams: a model with versions cannot be placed with it"
        if message:
            problems.append(source.problem(("stages", stage.name), message))


def _deployments(mesh: MeshConfig, stages: Mapping[str, StagePlan]) -> dict[str, DeploymentPlan]:
    homes: dict[str, list[StagePlan]] = {}
    for stage in stages.values():
        homes.setdefault(stage.deployment, []).append(stage)
    return {
        name: DeploymentPlan(
            name=name,
            stages=tuple(stage.name for stage in placed),
            replicas=mesh.stages[name].replicas,
            # They take turns in one compute thread: the replica needs what the neediest does.
            cpus=max(stage.cpus for stage in placed),
            gpus=max(stage.gpus for stage in placed),
            streaming=any(stage.streaming for stage in placed),
        )
        for name, placed in homes.items()
    }

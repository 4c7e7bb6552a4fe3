"""One pipeline of a configuration, its steps' columns joined and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convoy_services.config import Path_, PipelineConfig, Problem, Source, StepConfig
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.hops import join
from convoy_services.mesh.plan import Fallback, Limits, PipelinePlan, StagePlan, StepPlan
from convoy_services.mesh.repository import Repository
from convoy_services.mesh.suggest import suggest, unknown


@dataclass
class _Draft:
    """A step before it is known which of its columns are used."""

    name: str
    path: Path_
    config: StepConfig
    stage: StagePlan
    consumes: dict[str, str]
    produces: dict[str, str]
    after: set[str] = field(default_factory=set)


def is_placed(source: Source, stages: Mapping[str, StagePlan], stage: StagePlan) -> bool:
    """Whether it is known where a stage is, and what is there."""
    return stage.deployment in stages and source.knows(("stages", stage.name, "place_with"))


class Wiring:
    """Wires one pipeline; problems go into the list that all share."""

    def __init__(
        self,
        source: Source,
        path: Path_,
        stages: Mapping[str, StagePlan],
        problems: list[Problem],
    ) -> None:
        self._source = source
        self._path = path
        self._stages = stages
        self._problems = problems
        self._columns: dict[str, Column] = {}
        self._producers: dict[str, str] = {}
        self._inputs: dict[str, Column] = {}

    def pipeline(self, name: str, config: PipelineConfig) -> PipelinePlan | None:
        """Wire it; None where there are problems."""
        before = len(self._problems)
        drafts = [d for i, step in enumerate(config.steps) if (d := self._draft(i, step))]
        if len(drafts) < len(config.steps):
            return None
        for draft in drafts:
            self._give(draft)
        for draft in drafts:
            self._take(draft, config.inputs)
        ordered = self._order(drafts)
        if self._source.knows((*self._path, "outputs")):
            self._use(drafts, config)
        self._check_streaming(ordered, config)
        repository = self._repository(drafts)
        if len(self._problems) > before:
            return None
        steps = [self._step(draft) for draft in ordered]
        return PipelinePlan(
            name=name,
            inputs=Columns(**self._inputs),
            outputs=Columns(**{out: self._columns[name] for out, name in config.outputs.items()}),
            sources=config.outputs,
            steps=tuple(steps),
            hops=join(steps, config.outputs.values()),
            limits=Limits(
                rows=config.limits.rows,
                bytes=config.limits.bytes,
                timeout=config.limits.timeout,
                batch_rows=config.batch.rows,
                batch_bytes=config.batch.bytes,
            ),
            repository=repository,
        )

    def _wrong(self, path: Path_, message: str) -> None:
        self._problems.append(self._source.problem(path, message))

    def _repository(self, drafts: list[_Draft]) -> Repository | None:
        """Find where the versions of the stages' models are: in one place for all of them."""
        first: Repository | None = None
        for draft in drafts:
            there = draft.stage.repository
            if first and there and there != first:
                self._wrong(
                    draft.path,
                    f"{draft.stage.name} has its versions in {there.folder}, others in "
                    f"{first.folder}: the stages of a pipeline share one repository",
                )
            first = first or there
        return first

    def _draft(self, i: int, config: StepConfig) -> _Draft | None:
        """Find the step's stage and name its columns as the pipeline does."""
        path = (*self._path, "steps", i)
        stage = self._stages.get(config.stage)
        if stage is None:
            known = self._source.mesh.stages
            readable = self._source.knows(path) and self._source.knows(("stages", config.stage))
            if readable and config.stage not in known:
                self._wrong((*path, "stage"), unknown("stage", config.stage, known))
            return None
        wired = config.from_
        if wired is None:
            wired = [name for name, column in stage.consumes.items() if not column.optional]
        consumes = wired if isinstance(wired, dict) else {name: name for name in wired}
        for column in consumes.keys() - stage.consumes.keys():
            self._wrong(
                (*path, "from"),
                f"{config.stage} does not take {column}: it takes {stage.consumes}; "
                "to give it a column of another name, write {its name: that name}",
            )
        for column, spec in stage.consumes.items():
            if not spec.optional and column not in consumes:
                self._wrong((*path, "from"), f"{config.stage} also needs {column} {spec}")
        for column in config.to.keys() - stage.produces.keys():
            message = f"{config.stage} does not give {column}: it gives {stage.produces}"
            self._wrong((*path, "to"), message)
        renamed = {column: config.to.get(column, column) for column in stage.produces}
        return _Draft(
            config.name or config.stage,
            path,
            config,
            stage,
            {theirs: ours for theirs, ours in consumes.items() if theirs in stage.consumes},
            {theirs: ours for theirs, ours in renamed.items() if ours is not None},
        )

    def _give(self, draft: _Draft) -> None:
        """Note what the step adds."""
        if draft.name in self._producers.values():
            self._wrong(draft.path, f"there are two steps {draft.name}; give one another name")
        for theirs, ours in draft.produces.items():
            if (other := self._producers.get(ours)) is not None:
                message = f"{other} gives {ours} too; rename one: to: {{{theirs}: …}}"
                self._wrong(draft.path, message)
            self._producers[ours] = draft.name
            self._columns[ours] = draft.stage.produces[theirs]

    def _take(self, draft: _Draft, inputs: list[str] | None) -> None:
        """Check what the step takes; what no step gives is an input of the pipeline."""
        for theirs, ours in draft.consumes.items():
            wanted = draft.stage.consumes[theirs]
            if ours in self._producers:
                draft.after.add(self._producers[ours])
            elif inputs is not None and ours not in inputs:
                known = [*inputs, *self._producers]
                self._wrong((*draft.path, "from"), unknown("column", ours, known))
                continue
            else:
                self._inputs[ours] = wanted.both(self._inputs.get(ours, wanted))
                self._columns.setdefault(ours, wanted)
            given = self._columns[ours]
            if not wanted.fits(given):
                self._wrong(
                    (*draft.path, "from"),
                    f"{draft.stage.name} takes {theirs} as {wanted}, but {ours} is {given}",
                )
        self._take_when(draft, inputs)
        for fallback in self._fallbacks(draft).values():
            if fallback.like in self._producers:
                draft.after.add(self._producers[fallback.like])

    def _take_when(self, draft: _Draft, inputs: list[str] | None) -> None:
        when = draft.config.when
        if when is None:
            return
        bool_column = Column("BOOL")
        given = self._columns.get(when)
        if given is None:
            if inputs is not None and when not in inputs:
                known = [*inputs, *self._producers]
                self._wrong((*draft.path, "when"), unknown("column", when, known))
                return
            given = self._columns[when] = self._inputs[when] = bool_column
        if not bool_column.fits(given):
            self._wrong((*draft.path, "when"), f"when needs {bool_column}, but {when} is {given}")
        if when in self._producers:
            draft.after.add(self._producers[when])

    def _fallbacks(self, draft: _Draft) -> dict[str, Fallback]:
        """Read what stands in for the step's columns."""
        optional = draft.config.optional
        written: dict[str, Any] = {
            **(optional.fallback if optional else {}),
            **draft.config.fallback,
        }
        return {
            name: Fallback(value["value"], value.get("like"))
            if isinstance(value, dict) and "value" in value
            else Fallback(value)
            for name, value in written.items()
        }

    def _order(self, drafts: list[_Draft]) -> list[_Draft]:
        """Put each step after those that it depends on."""
        ordered: list[_Draft] = []
        waiting = list(drafts)
        while waiting:
            placed = {draft.name for draft in ordered}
            ready = [draft for draft in waiting if draft.after <= placed]
            if not ready:
                names = " → ".join(draft.name for draft in waiting)
                self._wrong(waiting[0].path, f"these steps wait for each other: {names}")
                break
            ordered += ready
            waiting = [draft for draft in waiting if draft not in ready]
        return ordered

    def _check_streaming(self, ordered: list[_Draft], config: PipelineConfig) -> None:
        """Let a streaming step be the last but for the incremental ones that are placed with it."""
        streaming = [draft for draft in ordered if draft.stage.streaming]
        self._check_ahead(ordered)
        if not streaming:
            for draft in ordered:
                if draft.stage.incremental:
                    self._wrong(draft.path, f"{draft.name} needs a streaming step before it")
            return
        first, *more = streaming
        behind = {first.name}
        for draft in ordered:
            if draft.after & behind:
                behind.add(draft.name)
                if not draft.stage.incremental or self._is_elsewhere(draft, first):
                    message = f"{first.name} streams: only incremental stages come after it, placed"
                    self._wrong(draft.path, f"{message} with it (place_with: {first.stage.name})")
            elif draft.stage.incremental:
                self._wrong(draft.path, f"{draft.name} takes nothing of {first.name}")
            if draft.name in behind and (draft.config.when or draft.config.optional):
                self._wrong(draft.path, "a step that streams is neither optional nor conditional")
        for draft in more:
            self._wrong(draft.path, f"{first.name} streams already: a pipeline has one such step")
        for output in config.outputs.values():
            if self._producers.get(output, first.name) not in behind:
                message = f"{first.name} streams: {output}, which is there before, is no output"
                self._wrong((*self._path, "outputs"), message)

    def _is_elsewhere(self, draft: _Draft, first: _Draft) -> bool:
        placed = is_placed(self._source, self._stages, draft.stage)
        return placed and draft.stage.deployment != first.stage.deployment

    def _check_ahead(self, ordered: list[_Draft]) -> None:
        """Let a step that is placed with a streaming one lead to it, and to nothing elsewhere."""
        for draft in ordered:
            home = self._stages.get(draft.stage.deployment)
            if home is None or not home.streaming or draft.stage is home or draft.stage.incremental:
                continue
            placed = f"{draft.name} is placed with {home.name}, which streams"
            readers = [other for other in ordered if draft.name in other.after]
            if any(other.stage.deployment != home.name for other in readers):
                self._wrong(draft.path, f"{placed}: only steps placed there may take what it gives")
            elif not any(other.stage is home for other in ordered):
                self._wrong(draft.path, f"{placed}: it needs a step of {home.name} after it")
            if draft.config.when or draft.config.optional:
                self._wrong(draft.path, f"{placed}: it is neither optional nor conditional")

    def _use(self, drafts: list[_Draft], config: PipelineConfig) -> None:
        """Check that every column has a reader, every output a writer, every gap a fallback."""
        likes = {f.like for draft in drafts for f in self._fallbacks(draft).values()}
        used = {*config.outputs.values(), *likes}
        for draft in drafts:
            used |= {*draft.consumes.values(), draft.config.when}
        for name in config.inputs or ():
            if name not in self._inputs:
                self._wrong((*self._path, "inputs"), f"no step takes {name}")
        for output in config.outputs.values():
            if output not in self._producers:
                message = suggest(f"no step gives a column {output!r}", output, self._producers)
                self._wrong((*self._path, "outputs"), message)
        for draft in drafts:
            for theirs, ours in draft.produces.items():
                if ours not in used:
                    self._wrong(
                        draft.path,
                        f"nothing uses {ours}, which {draft.name} gives; "
                        f"name it in outputs, or drop it: to: {{{theirs}: null}}",
                    )
            self._check_fallbacks(draft)

    def _check_fallbacks(self, draft: _Draft) -> None:
        fallbacks = self._fallbacks(draft)
        if not (draft.config.optional or draft.config.when or fallbacks):
            return
        path = (*draft.path, "optional" if draft.config.optional else "fallback")
        for ours in draft.produces.values():
            if ours not in fallbacks:
                self._wrong(path, f"{ours} {self._columns[ours]} needs a fallback")
        for name, fallback in fallbacks.items():
            if name not in draft.produces.values():
                self._wrong(path, f"{draft.name} does not give {name}")
                continue
            column = self._columns[name]
            if fallback.like is not None:
                like = self._columns.get(fallback.like)
                if like is None or not like.ragged or not column.ragged:
                    self._wrong(path, f"{name} cannot be like {fallback.like}: both must be ragged")
                    continue
            try:
                column.repeat([fallback.value] if fallback.like else fallback.value, 1)
            except (ValueError, TypeError) as exc:
                self._wrong(path, f"{fallback.value!r} is no fallback for {name} {column}: {exc}")

    def _step(self, draft: _Draft) -> StepPlan:
        optional = draft.config.optional
        return StepPlan(
            name=draft.name,
            stage=draft.stage.name,
            deployment=draft.stage.deployment,
            consumes=draft.consumes,
            produces=draft.produces,
            columns=Columns(**{ours: self._columns[ours] for ours in draft.produces.values()}),
            after=frozenset(draft.after),
            when=draft.config.when,
            optional=optional is not None,
            budget=optional.budget if optional else None,
            fallback=self._fallbacks(draft),
            idempotent=draft.stage.idempotent,
            streaming=draft.stage.streaming,
        )

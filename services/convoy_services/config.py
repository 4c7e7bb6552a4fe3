"""mesh.yaml → typed, validated settings."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, ValidationError

Path_ = tuple[str | int, ...]
"""A place in the configuration: keys and list indices from the root."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a configuration."""

    path: Path_
    message: str
    """What is wrong and what would be right."""
    line: int | None = None
    """Counted from 1."""

    def __str__(self) -> str:
        """Write line, place and message on one line."""
        where = ".".join(map(str, self.path)).replace(".[", "[") or "the file"
        return f"{f'line {self.line}: ' if self.line else ''}{where}: {self.message}"


class ConfigError(Exception):
    """A configuration with one or more problems; all of them at once."""

    def __init__(self, problems: list[Problem]) -> None:
        """Take the problems in the order of their lines."""
        super().__init__(problems)
        self.problems = sorted(problems, key=lambda p: p.line or 0)

    def __str__(self) -> str:
        """Write one problem a line."""
        return "\n".join(map(str, self.problems))


def _seconds(value: Any) -> float:
    units = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(us|ms|s|m|h)", str(value))
    if not found:
        raise ValueError("a duration is a number with us, ms, s, m or h, as in 20ms")
    return float(found[1]) * units[found[2]]


def _by_own_name(value: Any) -> Any:
    return {name: name for name in value} if isinstance(value, list) else value


Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class StageConfig(_Section):
    """A stage, and the deployment that it runs in."""

    cls: Annotated[str, Field(alias="class", pattern=r"^[\w.]+:\w+$")]
    """Where its class is: ``module:name``."""
    settings: dict[str, Any] = {}
    """The keyword arguments of the class."""
    place_with: str | None = None
    """Another stage in whose deployment it runs: no hop between them."""
    replicas: Annotated[int, Field(ge=1)] = 1
    cpus: Annotated[float, Field(ge=0)] | None = None
    """CPUs of each replica, also the threads that it computes with; None: as the class says."""
    gpus: Annotated[float, Field(ge=0)] = 0
    """GPUs of each replica; fractions share one."""
    hangs_after: Seconds = 60.0
    """How long a computation may take before its replica is held to hang and is replaced."""


class OptionalConfig(_Section):
    """How an optional step degrades."""

    budget: Seconds
    """How long the step may take."""
    fallback: dict[str, Any]
    """What stands in for each of its columns: a value, or {value: …, like: COLUMN}."""


class StepConfig(_Section):
    """A stage at work in a pipeline."""

    stage: str
    name: Name | None = None
    """Only needed when a pipeline names a stage twice."""
    from_: Annotated[list[str] | dict[str, str] | None, Field(alias="from")] = None
    """The columns that it takes; {stage's name: pipeline's name} where they differ."""
    to: dict[str, str | None] = {}
    """Other names for the columns that it gives; null drops one."""
    when: str | None = None
    """The BOOL column that chooses the rows which cross; the others take the fallback."""
    optional: OptionalConfig | None = None
    fallback: dict[str, Any] = {}
    """What stands in for each column of the rows that ``when`` leaves out."""


class LimitsConfig(_Section):
    """The bounds of a pipeline's queue."""

    rows: Annotated[int, Field(ge=1, le=65535)] = 4096
    bytes: Annotated[ByteSize, Field(ge=1)] = ByteSize(16 << 20)
    timeout: Seconds = 30.0
    """The deadline of a call that names none."""


class BatchConfig(_Section):
    """The bounds of one batch."""

    rows: Annotated[int, Field(ge=1)] = 256
    bytes: Annotated[ByteSize, Field(ge=1)] = ByteSize(4 << 20)


class PipelineConfig(_Section):
    """A DAG of steps."""

    steps: Annotated[list[StepConfig], Field(min_length=1)]
    inputs: list[str] | None = None
    """The input columns; None: all that no step gives."""
    outputs: Annotated[dict[str, str], BeforeValidator(_by_own_name), Field(min_length=1)]
    """The output columns; {output's name: column's name} where they differ."""
    limits: LimitsConfig = LimitsConfig()
    batch: BatchConfig = BatchConfig()


class IngressConfig(_Section):
    """The deployment that answers gRPC."""

    replicas: Annotated[int, Field(ge=1)] = 1
    """One a node keeps batches whole."""
    cpus: Annotated[float, Field(ge=0)] = 0.1


class MeshConfig(_Section):
    """Everything that mesh.yaml says."""

    stages: dict[Name, StageConfig]
    pipelines: dict[Name, PipelineConfig]
    ingress: IngressConfig = IngressConfig()


@dataclass(frozen=True, slots=True)
class Source:
    """A configuration and the lines that it came from."""

    mesh: MeshConfig
    lines: Mapping[Path_, int]
    problems: tuple[Problem, ...] = ()
    """What is wrong with its form."""
    unread: frozenset[Path_] = frozenset()
    """The faulty places, which ``mesh`` is without."""

    def knows(self, path: Path_) -> bool:
        """Whether ``mesh`` says what the file does there."""
        return not any(path[:n] in self.unread for n in range(len(path) + 1))

    def problem(self, path: Path_, message: str) -> Problem:
        """Name a problem with its line."""
        return Problem(path, message, line_of(self.lines, path))


def read(file: Path) -> Source:
    """Read a mesh.yaml; raises ConfigError with every problem of its form, OSError."""
    try:
        return parse(file.read_text("utf-8"))
    except UnicodeDecodeError as exc:
        raise ConfigError([Problem((), f"this is no UTF-8 at byte {exc.start}")]) from exc


def parse(text: str) -> Source:
    """Read the text of a mesh.yaml; raises ConfigError with every problem of its form."""
    source = survey(text)
    if source.problems:
        raise ConfigError(list(source.problems))
    return source


def survey(text: str) -> Source:
    """Read what can be read of a mesh.yaml; raises ConfigError where that is nothing."""
    try:
        node = yaml.compose(text, yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        reason = getattr(exc, "problem", None) or str(exc).partition("\n")[0]
        line = mark.line + 1 if mark else None
        raise ConfigError([Problem((), f"this is no YAML: {reason}", line)]) from exc
    lines: dict[Path_, int] = {}
    problems = list(_walk(node, (), lines)) if node else []
    unread: set[Path_] = set()
    try:
        mesh = MeshConfig.model_validate(data)
    except ValidationError as exc:
        for error in exc.errors():
            path = tuple(part for part in error["loc"] if part != "[key]")
            problems.append(Problem(path, _explain(error), line_of(lines, path)))
            unread.add(_cut(data, path))
        try:
            mesh = MeshConfig.model_validate(data)
        except ValidationError:
            raise ConfigError(problems) from exc
    return Source(mesh, lines, tuple(problems), frozenset(unread))


def _cut(data: Any, path: Path_) -> Path_:
    """Take a fault out of the data, with as little around it as leaves the rest sound."""
    stand_in: Any = None
    match path:
        case ("pipelines", _, "steps", int(), *_):
            place, stand_in = path[:4], {"stage": ""}
        case ("pipelines", _, "outputs", *_):
            place, stand_in = path[:3], [""]
        case ("pipelines", _, str(key), *_) if key != "steps":
            place = path[:3]
        case ("stages", _, "replicas" | "cpus" | "gpus" | "place_with", *_):
            place = path[:3]
        case ("stages" | "pipelines", _, *_):
            place = path[:2]
        case ("stages" | "pipelines",):
            place, stand_in = path, {}
        case _:
            place = path[:1]
    if place:
        *around, last = place
        with suppress(LookupError):  # it went with another fault around it
            for part in around:
                data = data[part]
            if stand_in is None:
                del data[last]
            else:
                data[last] = stand_in
    return place


def line_of(lines: Mapping[Path_, int], path: Path_) -> int | None:
    """Find the line of a place, or of the nearest place around it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path)


def _walk(
    node: yaml.Node,
    path: Path_,
    lines: dict[Path_, int],
    around: frozenset[yaml.Node] = frozenset(),
) -> Iterator[Problem]:
    """Note the line of every place; give the keys that are written twice."""
    lines.setdefault(path, node.start_mark.line + 1)
    if node in around:
        yield Problem(path, "this contains itself", lines[path])
        return
    around |= {node}
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            place = (*path, key.value)
            if key.value in seen:
                yield Problem(place, "this key is written twice", key.start_mark.line + 1)
            seen.add(key.value)
            lines[place] = key.start_mark.line + 1
            yield from _walk(value, place, lines, around)
    elif isinstance(node, yaml.SequenceNode):
        for i, value in enumerate(node.value):
            yield from _walk(value, (*path, i), lines, around)


def _explain(error: Any) -> str:
    match error["type"]:
        case "missing":
            return "this is missing"
        case "too_short":
            return "this is empty; write at least one"
        case "model_type" | "dict_type" if not error["loc"] and error["input"] is None:
            return "this is empty; write stages and pipelines"
        case "model_type" | "dict_type":
            return f"write names with their values, as in key: value (it is {error['input']!r})"
        case "list_type":
            return f"write a list, as in [one, two] (it is {error['input']!r})"
        case "extra_forbidden":
            return "there is no such setting"
        case "string_pattern_mismatch" if error["ctx"]["pattern"].startswith("^[\\w.]+:"):
            return f"{error['input']!r} is no class; write module:Name"
        case "string_pattern_mismatch":
            return (
                f"{error['input']!r} is no name; take lower-case letters, digits, - and _, "
                "a letter first"
            )
        case _:
            message = error["msg"].removeprefix("Value error, ")
            return f"{message[0].lower()}{message[1:]} (it is {error['input']!r})"

"""What a caller writes on the command line, as rows for a pipeline; and rows as they are shown."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from convoy import Batch, Datatype, Tensor
from convoy.datatype import FROM_WIRE
from convoy.v1 import pipeline_pb2 as pb

SHOWN = 4
"""How many numbers of an array are shown."""

WIDTH = 60
"""How many letters of a text are shown."""

PROMPT = "prompt"
"""The column that speaks for a pipeline that requires none."""


def from_elements(elements: Sequence[str | bytes], described: pb.DescribeResponse) -> Batch:
    """Make a row of each text, for the one column that callers must give.

    Where they must give none, for ``prompt``. Raises ValueError where it is not one string a row.
    """
    name = _only(described)
    return Batch(rows=len(elements), columns={name: Tensor.texts(elements)})


def from_json(text: str, described: pb.DescribeResponse) -> Batch:
    """Read {column: [rows …]}, a list of {column: value}, or a list of values for the one column.

    Raises ValueError where the text is none of these or does not fit the columns.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as exc:
        raise ValueError(f"this is no JSON: {exc}") from exc
    if isinstance(data, list) and data:
        columns = _turned(data, described)
    elif isinstance(data, dict):
        columns = data
    else:
        raise ValueError("write {column: [rows …]} or a list of rows")
    specs = {spec.name: spec for spec in described.inputs}
    tensors = {name: _pack(name, values, specs) for name, values in columns.items()}
    counts = {tensor.rows for tensor in tensors.values()}
    if len(counts) > 1:
        raise ValueError(f"the columns differ in their rows: {sorted(counts)}")
    return Batch(rows=counts.pop() if counts else 0, columns=tensors)


def as_json(batch: Batch) -> list[dict[str, Any]]:
    """Give each row as an object; bytes that are no text become {"base64": …}."""
    return [
        {"error": str(batch.failures[row])} if row in batch.failures else _plain(values)
        for row, values in enumerate(_values(batch))
    ]


def as_text(batch: Batch) -> list[dict[str, str]]:
    """Give each row's values in a few letters each; rows that failed are empty."""
    return [
        {} if row in batch.failures else {name: _short(value) for name, value in values.items()}
        for row, values in enumerate(_values(batch))
    ]


def _only(described: pb.DescribeResponse) -> str:
    """Give the single column of texts that there is to give."""
    due = _due(described)
    if len(due) != 1 or not _is_text(due[0]):
        names = ", ".join(spec.name for spec in due)
        raise ValueError(f"{described.pipeline} takes {names}: give them with --json")
    return due[0].name


def _due(described: pb.DescribeResponse) -> list[pb.ColumnSpec]:
    """Give the columns that are required; where there are none, a prompt, or all there are."""
    specs = list(described.inputs)
    required = [spec for spec in specs if not spec.optional]
    prompts = [spec for spec in specs if spec.name == PROMPT and _is_text(spec)]
    return required or prompts or specs


def _is_text(spec: pb.ColumnSpec) -> bool:
    return not spec.shape and FROM_WIRE[spec.datatype] is Datatype.BYTES


def _turned(rows: list[Any], described: pb.DescribeResponse) -> dict[str, list[Any]]:
    if not all(isinstance(row, dict) for row in rows):
        due = [spec.name for spec in _due(described)]
        if len(due) != 1 or any(isinstance(row, dict) for row in rows):
            raise ValueError(f"each row is an object with {', '.join(due)}")
        return {due[0]: rows}
    names = list(rows[0])
    if any(row.keys() != rows[0].keys() for row in rows):
        raise ValueError(f"the rows differ in their columns; the first has {', '.join(names)}")
    return {name: [row[name] for row in rows] for name in names}


def _pack(name: str, values: Any, specs: Mapping[str, pb.ColumnSpec]) -> Tensor:
    spec = specs.get(name)
    if spec is None:
        raise ValueError(f"there is no input {name!r}; there are: {', '.join(specs)}")
    if not isinstance(values, list):
        raise ValueError(f"{name}: write a list with a value for each row")
    datatype = FROM_WIRE[spec.datatype]
    try:
        return Tensor.pack(values, datatype, tuple(spec.shape))
    except (ValueError, TypeError, OverflowError) as exc:
        raise ValueError(f"{name} {datatype} {list(spec.shape)}: {exc}") from exc


def _values(batch: Batch) -> list[dict[str, Any]]:
    columns = {name: tensor.tolist() for name, tensor in batch.columns.items()}
    return [{name: rows[i] for name, rows in columns.items()} for i in range(batch.rows)]


def _plain(value: Any) -> Any:
    match value:
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                return {"base64": base64.b64encode(value).decode()}
        case list():
            return [_plain(entry) for entry in value]
        case dict():
            return {name: _plain(entry) for name, entry in value.items()}
        case bool() | int():
            return value
        case _:
            return float(value)


def _short(value: Any) -> str:
    match value:
        case bytes():
            text = _plain(value)
            if not isinstance(text, str):
                return f"{len(value)} bytes"
            return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
        case bool() | int():
            return str(value)
        case list():
            shown = ", ".join(_short(entry) for entry in value[:SHOWN])
            return f"[{shown}]" if len(value) <= SHOWN else f"[{shown}, … {len(value)} in all]"
        case _:
            return f"{float(value):.4g}"

"""What the routes' descriptions in OpenAPI are made of."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from convoy.oip.v2 import inference_pb2 as pb
from convoy_gateway.oip.binary import HEADER
from convoy_gateway.oip.errors import InferenceError
from convoy_gateway.oip.message import schema

Json = dict[str, Any]

JSON, BYTES = "application/json", "application/octet-stream"

PARAMETERS = {
    "model": "The model's name: that of a pipeline.",
    "version": "The version that must be live.",
}

FAILURES = (400, 404, 429, 500, 501, 503, 504)
BODY_FAILURES = (408, 413, 415)
"""Of requests that have a body."""

_RAW: Json = {"type": "string", "format": "binary"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a route takes and gives."""

    summary: str
    right: Json
    """The schema of an answer that tells no error."""
    body: type[BaseModel] | None = None
    """The JSON that a request has."""
    raw: bool = False
    """Whether raw elements may follow the JSON, both ways."""
    unready: bool = False
    """Whether 503 may have the right answer's JSON."""

    @property
    def method(self) -> str:
        """HTTP's method."""
        return "POST" if self.body else "GET"

    def responses(self) -> dict[int | str, Json]:
        """Describe the answers, as FastAPI takes them."""
        content: Json = {JSON: {"schema": self.right}}
        headers: Json = {}
        if self.raw:
            content[BYTES] = {"schema": _RAW}
            told = f"The bytes of JSON with which the body begins, where it is {BYTES}."
            headers = {HEADER: {"description": told, "schema": {"type": "integer"}}}
        failures = FAILURES + (BODY_FAILURES if self.body else ())
        answers: dict[int | str, Json] = {
            200: {"description": "Done", "content": content, "headers": headers},
            **{status: {"model": InferenceError} for status in sorted(failures)},
        }
        if self.unready:
            either = {"anyOf": [self.right, inline(InferenceError)]}
            answers[503] = {"description": "Not ready", "content": {JSON: {"schema": either}}}
        return answers

    def extra(self, path: str) -> Json:
        """Describe the parameters and the body, which FastAPI does not read.

        The body's schema is whole where it stands, for there is no component to refer to.
        """
        told: Json = {"parameters": [_parameter(name) for name in re.findall(r"{(\w+)}", path)]}
        if self.raw:
            header = {
                "name": HEADER,
                "in": "header",
                "description": f"The bytes of JSON with which a body of {BYTES} begins.",
                "schema": {"type": "integer", "minimum": 0},
            }
            told["parameters"].append(header)
        if self.body:
            content = {JSON: {"schema": inline(self.body)}}
            if self.raw:
                content[BYTES] = {"schema": _RAW}
            required = "required" in content[JSON]["schema"]
            told["requestBody"] = {"required": required, "content": content}
        return told


def named(right: Json) -> Json:
    """Add the model's name to a schema."""
    return {
        **right,
        "properties": {"name": {"type": "string"}, **right["properties"]},
        "required": ["name", *right["required"]],
    }


def inference() -> Json:
    """Describe the JSON of a response of inference, whose parameters are bare there."""
    value = {"type": ["boolean", "integer", "number", "string"]}
    parameters = {"type": "object", "additionalProperties": value}
    output = schema(pb.ModelInferResponse.InferOutputTensor)
    properties = {
        **{name: output["properties"][name] for name in ("name", "datatype", "shape")},
        "parameters": parameters,
        "data": {"type": "array", "items": value},
    }
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "model_name": text,
            "model_version": text,
            "id": text,
            "parameters": parameters,
            "outputs": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": properties,
                    "required": ["name", "datatype", "shape"],
                },
            },
        },
        "required": ["model_name", "model_version", "outputs"],
    }


def _parameter(name: str) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": PARAMETERS[name],
        "schema": {"type": "string", "minLength": 1},
    }


def inline(model: type[BaseModel]) -> Json:
    """Give a model's JSON schema with no references; the model must not hold itself."""
    whole = model.model_json_schema()
    definitions = whole.pop("$defs", {})
    told: Json = _resolved(whole, definitions)
    return told


def _resolved(part: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(part, list):
        return [_resolved(each, definitions) for each in part]
    if not isinstance(part, dict):
        return part
    resolved = {name: _resolved(each, definitions) for name, each in part.items()}
    if reference := resolved.pop("$ref", None):
        name = reference.removeprefix("#/$defs/")
        return {**_resolved(definitions[name], definitions), **resolved}
    return resolved

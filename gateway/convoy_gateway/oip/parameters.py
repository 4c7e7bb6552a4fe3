"""Values beside the tensors: bare in JSON, of a type each in protobuf."""

from collections.abc import Mapping, MutableMapping
from math import isfinite
from typing import Any

from convoy.errors import invalid
from convoy.oip.v2 import inference_pb2 as pb

INT64, UINT64 = range(-1 << 63, 1 << 63), range(1 << 64)


def write(
    given: Mapping[str, Any],
    into: MutableMapping[str, pb.InferParameter] | MutableMapping[str, pb.ModelRepositoryParameter],
    path: str,
) -> None:
    """Write every parameter; raises ConvoyError naming one that has no type there."""
    for name, value in given.items():
        parameter = into[name]
        choice = _choice(value)
        if choice not in parameter.DESCRIPTOR.fields_by_name:
            allowed = [field.name.removesuffix("_param") for field in parameter.DESCRIPTOR.fields]
            raise invalid(f"{path}[{name}]", f"the value is none of: {', '.join(allowed)}")
        setattr(parameter, choice, value)


def read(told: Mapping[str, pb.InferParameter]) -> dict[str, Any]:
    """Give the values."""
    choices = {name: parameter.WhichOneof("parameter_choice") for name, parameter in told.items()}
    return {name: getattr(told[name], choice) for name, choice in choices.items() if choice}


def flag(given: Mapping[str, Any], name: str, path: str) -> bool | None:
    """Give a truth value, None where it is left out; raises ConvoyError where it is another."""
    value = given.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise invalid(f"{path}[{name}]", "the value is true or false")


def size(given: Mapping[str, Any], name: str, path: str) -> int | None:
    """Give a number of bytes, None where it is left out; raises ConvoyError where it is none."""
    value = given.get(name)
    if value is None or (type(value) is int and value >= 0):
        return value
    raise invalid(f"{path}[{name}]", "the value is a number of bytes")


def without(given: Mapping[str, Any] | None, *names: str) -> dict[str, Any]:
    """Give the parameters but those named, which are for the gateway."""
    return {name: value for name, value in (given or {}).items() if name not in names}


def _choice(value: object) -> str:
    match value:
        case bool():
            return "bool_param"
        case int() if value in INT64:
            return "int64_param"
        case int() if value in UINT64:
            return "uint64_param"
        case float() if isfinite(value):
            return "double_param"
        case str():
            return "string_param"
    return ""

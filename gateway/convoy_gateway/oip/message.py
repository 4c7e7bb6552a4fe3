"""Protobuf messages as Triton writes them in JSON, and the schemas of that.

Names are the fields' own, 64-bit integers are numbers, and what a message leaves out is there with
its default: protobuf's own JSON does none of the three. No message of the protocol holds itself.
"""

from collections.abc import Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

Field = Any
"""A FieldDescriptor: those of protobuf's C implementation have a type of their own."""

_NUMBERS = {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}
_OTHERS = {FieldDescriptor.CPPTYPE_BOOL: "boolean", FieldDescriptor.CPPTYPE_STRING: "string"}


def plain(message: Message) -> dict[str, Any]:
    """Give a message's fields; submessages are there where they are set."""
    return {
        field.name: _value(field, getattr(message, field.name))
        for field in message.DESCRIPTOR.fields
        if not field.has_presence or message.HasField(field.name)
    }


def schema(kind: type[Message]) -> dict[str, Any]:
    """Give the JSON schema of what ``plain`` makes of a message."""
    return _object(kind.DESCRIPTOR.fields)


def _object(fields: Sequence[Field]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {field.name: _type(field) for field in fields},
        "required": [field.name for field in fields if not field.has_presence],
    }


def _value(field: Field, value: Any) -> Any:
    if entry := _entry(field):
        return {str(key): _one(entry, value[key]) for key in value}
    return [_one(field, each) for each in value] if field.is_repeated else _one(field, value)


def _one(field: Field, value: Any) -> Any:
    if field.message_type is not None:
        return plain(value)
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value)
        return named.name if named else value
    return value


def _type(field: Field) -> dict[str, Any]:
    if entry := _entry(field):
        return {"type": "object", "additionalProperties": _one_type(entry)}
    one = _one_type(field)
    return {"type": "array", "items": one} if field.is_repeated else one


def _one_type(field: Field) -> dict[str, Any]:
    if field.message_type is not None:
        return _object(field.message_type.fields)
    if field.enum_type is not None:
        return {"enum": list(field.enum_type.values_by_name)}
    if field.cpp_type in _NUMBERS:
        return {"type": "number"}
    return {"type": _OTHERS.get(field.cpp_type, "integer")}


def _entry(field: Field) -> Field | None:
    """Give the values' field, where the field is a map."""
    kind = field.message_type
    is_map = kind is not None and kind.GetOptions().map_entry
    return kind.fields_by_name["value"] if is_map else None

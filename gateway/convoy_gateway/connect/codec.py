"""Messages cross as bytes: what is JSON says so, and is read and written apart."""

from typing import Any

from connectrpc.codec import Codec
from google.protobuf.message import Message


class JsonText(bytes):
    """A message as JSON."""


class Binary(Codec[bytes, Any]):
    """Protobuf's binary form, unread: the mesh says what is wrong with it."""

    def name(self) -> str:
        """Give the content type's last part."""
        return "proto"

    def encode(self, message: bytes) -> bytes:
        """Give the bytes."""
        return message

    def decode(self, data: bytes | bytearray, message_class: type[Message]) -> bytes:
        """Give the bytes."""
        return bytes(data)


class Json(Codec[bytes, Any]):
    """JSON, unread: an event loop must not wait for a large one."""

    def name(self) -> str:
        """Give the content type's last part."""
        return "json"

    def encode(self, message: bytes) -> bytes:
        """Give the bytes."""
        return message

    def decode(self, data: bytes | bytearray, message_class: type[Message]) -> JsonText:
        """Give the bytes, with a mark."""
        return JsonText(data)

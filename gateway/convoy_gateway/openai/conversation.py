"""The messages of a chat, and their images."""

import binascii
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from convoy.errors import invalid
from convoy.v1 import generation_pb2 as pb
from convoy_gateway.oip.openapi import inline
from convoy_gateway.openai.unsupported import MESSAGE_NEUTRAL, MESSAGE_PASSED_OVER, refuse

DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,", re.IGNORECASE)


class ImageUrl(BaseModel):
    """An image."""

    model_config = ConfigDict(extra="ignore", strict=True)

    url: str
    """The image itself, as in ``data:image/png;base64,…``: nothing is fetched."""


class Part(BaseModel):
    """A part of what is said."""

    model_config = ConfigDict(extra="ignore", strict=True)

    type: Literal["text", "image_url"]
    text: str | None = None
    image_url: ImageUrl | None = None


CONTENT = {"anyOf": [{"type": "string"}, {"type": "array", "items": inline(Part)}]}


def _parts(content: object) -> object:
    """Make parts of a text; of a union, pydantic would name each type as a field."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise ValueError("take a text, or a list of parts")
    return content


class Message(BaseModel):
    """A turn of the conversation."""

    model_config = ConfigDict(extra="allow", strict=True)

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[list[Part], BeforeValidator(_parts), WithJsonSchema(CONTENT)]
    """Texts are joined, a line each."""


def conversation(messages: Sequence[Message]) -> list[pb.ChatMessage]:
    """Give a conversation of texts; raises ConvoyError."""
    return [
        pb.ChatMessage(role="system" if m.role == "developer" else m.role, content=_text(m, n))
        for n, m in enumerate(messages)
    ]


def images(messages: Sequence[Message]) -> Iterator[tuple[str, Part]]:
    """Give the parts that are images, each with its path."""
    for n, message in enumerate(messages):
        for at, part in enumerate(message.content):
            if part.type == "image_url":
                yield f"messages[{n}].content[{at}]", part


def about_image(messages: Sequence[Message]) -> tuple[bytes, str, str]:
    """Give the image, the question about it, and the image's path; raises ConvoyError.

    There is one image at least. The mesh takes one image and one question: no turns before.
    """
    (path, part), *others = images(messages)
    if others:
        raise invalid(others[0][0], "take one image: a pipeline that captions sees no more")
    for n, message in enumerate(messages):
        if message.role != "user" or not path.startswith(f"messages[{n}]."):
            told = "a chat about an image is one message of the user: send no other turns"
            raise invalid(f"messages[{n}]", told)
    return _image(part, path), _text(messages[0], 0), f"{path}.image_url.url"


def _text(message: Message, number: int) -> str:
    """Join the texts of a message; raises ConvoyError for what the mesh would not be told."""
    where = f"messages[{number}]"
    refuse(message.model_extra or {}, MESSAGE_PASSED_OVER, MESSAGE_NEUTRAL, f"{where}.")
    texts = []
    for at, part in enumerate(message.content):
        if part.type == "text":
            if part.text is None:
                raise invalid(f"{where}.content[{at}].text", "take a text")
            texts.append(part.text)
    return "\n".join(texts)


def _image(part: Part, path: str) -> bytes:
    """Read an image's data URL; raises ConvoyError."""
    if part.image_url is None:
        raise invalid(f"{path}.image_url", "take an object with a url")
    url = part.image_url.url
    begins = DATA_URL.match(url)
    if not begins:
        told = "take a data URL, as in data:image/png;base64,…"
        if url[:8].lower().startswith(("http:", "https:")):
            told = f"the server fetches nothing: {told}"
        raise invalid(f"{path}.image_url.url", told)
    try:
        return binascii.a2b_base64(url[begins.end() :], strict_mode=True)
    except ValueError:
        raise invalid(f"{path}.image_url.url", "its data is no base64") from None

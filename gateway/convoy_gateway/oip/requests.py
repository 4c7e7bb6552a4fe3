"""What clients send, as JSON. Fields that are not known are passed over, as by Triton."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from convoy import Datatype
from convoy.tensor import MAX_DIMENSIONS

Size = Annotated[int, Field(ge=0, lt=1 << 63)]

Parameters = dict[
    str, Annotated[Any, WithJsonSchema({"type": ["boolean", "integer", "number", "string"]})]
]
"""Checked where they are written (``parameters``): a union would name each of its types as a field
of the path."""


MANY = Field(max_length=256, fail_fast=True)
"""Tensors of a request; one error is enough, for each would take a hundred times its bytes."""


class Asked(BaseModel):
    """A request's body, or a part of it."""

    model_config = ConfigDict(strict=True, frozen=True, use_attribute_docstrings=True)


class Input(Asked):
    """An input tensor."""

    name: str
    """The input's name."""
    shape: Annotated[list[Size], Field(max_length=MAX_DIMENSIONS + 1)]
    """Rows first."""
    datatype: Datatype
    """The type of the elements."""
    parameters: Parameters | None = None
    """``binary_data_size``, the bytes of this input that follow the JSON, stands for ``data``."""
    data: list[Any] | None = None
    """The elements, flat or nested as the shape says, row-major; those of BYTES are texts."""


class Output(Asked):
    """An output tensor that is wanted."""

    name: str
    """The output's name."""
    parameters: Parameters | None = None
    """With ``binary_data``, true, the elements come after the JSON."""


class InferRequest(Asked):
    """Rows for a model."""

    id: str | None = None
    """Comes back with the response."""
    parameters: Parameters | None = None
    """``priority`` and ``timeout`` in µs, as in Triton; with ``binary_data_output``, true, the
    elements of all outputs come after the JSON."""
    inputs: Annotated[list[Input], MANY]
    """The inputs, all of equally many rows."""
    outputs: Annotated[list[Output], MANY] | None = None
    """The outputs that are wanted; all where they are left out."""


class IndexRequest(Asked):
    """Which models to name."""

    ready: bool = False
    """Those alone that can answer."""


class RepositoryRequest(Asked):
    """How to load or unload a model."""

    parameters: Parameters | None = None
    """Of a load the ``version``, as text or as a number."""

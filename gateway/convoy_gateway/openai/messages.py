"""The messages of OpenAI's API that are spoken here.

https://platform.openai.com/docs/api-reference/embeddings
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

INPUT = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


def _texts(value: object) -> object:
    """Check the texts here: of a union, pydantic would name each type as a field."""
    if not isinstance(value, str | list):
        raise ValueError("take a text, or a list of texts")
    for n, text in enumerate(value if isinstance(value, list) else ()):
        if isinstance(text, int | list):
            raise ValueError("token ids are not taken: send texts, pipelines have own tokenizers")
        if not isinstance(text, str):
            raise ValueError(f"take texts; number {n} is none")
    return value


class EmbeddingsRequest(BaseModel):
    """Texts to embed."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)

    model: str = Field(min_length=1, max_length=128)
    """A pipeline that embeds."""
    input: Annotated[Any, AfterValidator(_texts), WithJsonSchema(INPUT)]
    """One text or several. Token ids are refused: the pipeline has a tokenizer of its own."""
    dimensions: int | None = Field(None, ge=1, le=2**31 - 1)
    """Keeps only the first dimensions; for models that were trained for it."""
    encoding_format: Literal["float", "base64"] = "float"
    """base64 is of 32-bit little-endian floats."""
    user: str | None = None
    """Passed over."""


class EmbeddingObject(BaseModel):
    """The vector of one text."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class Usage(BaseModel):
    """What the model read, in its own tokens."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsResponse(BaseModel):
    """A vector for each text, in their order."""

    object: Literal["list"] = "list"
    data: list[EmbeddingObject]
    model: str
    usage: Usage | None
    """None where the pipeline does not tell."""


class Model(BaseModel):
    """A pipeline."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "convoy"


class Models(BaseModel):
    """The pipelines that a request may name as its model."""

    object: Literal["list"] = "list"
    data: list[Model]


class FieldViolation(BaseModel):
    """What is wrong with one field."""

    field: str
    description: str


class ErrorBody(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str
    violations: list[FieldViolation] = []
    stage: str = ""


class ErrorResponse(BaseModel):
    """An error."""

    error: ErrorBody

"""GenerationService over pipelines such as ``generation``."""

from collections.abc import AsyncIterator
from typing import Any

from convoy import Datatype, Tensor, Violation
from convoy.errors import invalid
from convoy.v1 import generation_pb2 as pb
from convoy_services.mesh.mesh import Mesh
from convoy_services.rpc.call import Call
from convoy_services.rpc.completions import Completions, generates

FIELDS = {
    "prompt": {"batch": "text", "prompt": "text", "input_ids": "text"},
    "prompt_ids": {
        "batch": "token_ids.ids",
        "prompt_ids": "token_ids.ids",
        "input_ids": "token_ids.ids",
    },
    "roles": {
        "batch": "messages",
        "roles": "messages[].role",
        "contents": "messages[].content",
        "input_ids": "messages",
    },
}
"""By the prompt's first column, the contract's names of columns, where they differ."""

MAX_MESSAGES = 1024


class GenerationServicer:
    """Prompts and conversations in, texts out."""

    descriptor = pb.DESCRIPTOR.services_by_name["GenerationService"]
    pipeline = "generation"

    def __init__(self, mesh: Mesh) -> None:
        """Answer from ``mesh``."""
        self._mesh = mesh

    async def Generate(self, request: pb.GenerateRequest, call: Call) -> pb.GenerateResponse:
        """Go on with a prompt."""
        return await self._texts(request, _prompt(request), call).whole(pb.GenerateResponse)

    def GenerateStream(
        self, request: pb.GenerateStreamRequest, call: Call
    ) -> AsyncIterator[pb.GenerateStreamResponse]:
        """Go on with a prompt, piece by piece."""
        return self._texts(request, _prompt(request), call).stream(pb.GenerateStreamResponse)

    async def Chat(self, request: pb.ChatRequest, call: Call) -> pb.ChatResponse:
        """Go on with a conversation."""
        return await self._texts(request, _messages(request), call).whole(pb.ChatResponse)

    def ChatStream(
        self, request: pb.ChatStreamRequest, call: Call
    ) -> AsyncIterator[pb.ChatStreamResponse]:
        """Go on with a conversation, piece by piece."""
        return self._texts(request, _messages(request), call).stream(pb.ChatStreamResponse)

    def _texts(self, request: Any, prompt: dict[str, Tensor], call: Call) -> Completions:
        pipeline = self._mesh.pipeline(request.pipeline or self.pipeline)
        form = next(iter(prompt))
        generates(pipeline.plan, form)
        return Completions(pipeline, prompt, request.sampling, call, FIELDS[form])


def _prompt(request: pb.GenerateRequest | pb.GenerateStreamRequest) -> dict[str, Tensor]:
    match request.WhichOneof("prompt"):
        case "text":
            if not request.text:
                raise invalid("text", "the text is empty")
            return {"prompt": Tensor.texts([request.text])}
        case "token_ids":
            ids = list(request.token_ids.ids)
            if not ids:
                raise invalid("token_ids.ids", "there is no token")
            return {"prompt_ids": Tensor.pack([ids], Datatype.INT64, (-1,))}
        case _:
            raise invalid("text", "there is no prompt: give a text, or token_ids")


def _messages(request: pb.ChatRequest | pb.ChatStreamRequest) -> dict[str, Tensor]:
    messages = request.messages
    if not 1 <= len(messages) <= MAX_MESSAGES:
        raise invalid("messages", f"{len(messages)} messages; take 1 to {MAX_MESSAGES}")
    silent = [
        Violation(f"messages[{n}].role", "there is no role")
        for n, message in enumerate(messages)
        if not message.role
    ]
    if silent:
        raise invalid(silent[0].field, silent[0].description, *silent[1:])
    return {
        "roles": Tensor.pack([[message.role for message in messages]], Datatype.BYTES, (-1,)),
        "contents": Tensor.pack([[m.content for m in messages]], Datatype.BYTES, (-1,)),
    }

"""The model repository: which models there are, and whether they are open.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_model_repository.md
"""

from fastapi import Request, Response
from google.protobuf.message import Message

from convoy.oip.v2 import inference_pb2 as pb
from convoy_gateway.oip import parameters
from convoy_gateway.oip.message import plain
from convoy_gateway.oip.requests import IndexRequest, RepositoryRequest
from convoy_gateway.oip.service import Service, answer


class Repository:
    """Names, loads and unloads models."""

    def __init__(self, service: Service) -> None:
        """Answer from ``service``."""
        self._service = service

    async def index(self, request: Request) -> Response:
        """Name the models."""
        call = self._service.call(request)
        body = await self._service.optional(request, IndexRequest)
        asked = pb.RepositoryIndexRequest(ready=body.ready)
        told = await self._service.ask(call, "RepositoryIndex", asked, pb.RepositoryIndexResponse)
        return answer([plain(model) for model in told.models], call)

    async def load(self, request: Request) -> Response:
        """Open a model, with another version where the parameters name one."""
        asked = pb.RepositoryModelLoadRequest(model_name=request.path_params["model"])
        return await self._change(
            request, "RepositoryModelLoad", asked, pb.RepositoryModelLoadResponse
        )

    async def unload(self, request: Request) -> Response:
        """Close a model; what it has begun is finished."""
        asked = pb.RepositoryModelUnloadRequest(model_name=request.path_params["model"])
        return await self._change(
            request, "RepositoryModelUnload", asked, pb.RepositoryModelUnloadResponse
        )

    async def _change(
        self,
        request: Request,
        method: str,
        asked: pb.RepositoryModelLoadRequest | pb.RepositoryModelUnloadRequest,
        reply: type[Message],
    ) -> Response:
        call = self._service.call(request)
        body = await self._service.optional(request, RepositoryRequest)
        parameters.write(body.parameters or {}, asked.parameters, "parameters")
        return answer(plain(await self._service.ask(call, method, asked, reply)), call)

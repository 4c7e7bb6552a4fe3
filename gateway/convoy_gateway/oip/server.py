"""What concerns the whole server."""

from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from google.protobuf.empty_pb2 import Empty

from convoy.oip.v2 import inference_pb2 as pb
from convoy_gateway.oip.binary import EXTENSION
from convoy_gateway.oip.message import plain
from convoy_gateway.oip.service import Service, answer


class Server:
    """Answers for all models together."""

    def __init__(self, service: Service) -> None:
        """Answer from ``service``."""
        self._service = service

    async def metadata(self, request: Request) -> Response:
        """Tell what this is: the mesh, and what HTTP adds to it."""
        call = self._service.call(request)
        asked = pb.ServerMetadataRequest()
        told = await self._service.ask(call, "ServerMetadata", asked, pb.ServerMetadataResponse)
        told.extensions.append(EXTENSION)
        return answer(plain(told), call)

    def absent(self, method: str) -> Callable[[Request], Awaitable[Response]]:
        """Give a handler that has the mesh say why it does not offer ``method``."""

        async def refuse(request: Request) -> Response:
            call = self._service.call(request)
            await self._service.ask(call, method, Empty(), Empty)
            return answer({}, call)

        return refuse

    async def live(self, request: Request) -> Response:
        """Tell whether the mesh answers."""
        call = self._service.call(request)
        asked = pb.ServerLiveRequest()
        told = await self._service.ask(call, "ServerLive", asked, pb.ServerLiveResponse)
        return answer(plain(told), call, 200 if told.live else 503)

    async def ready(self, request: Request) -> Response:
        """Tell whether every model can answer."""
        call = self._service.call(request)
        asked = pb.ServerReadyRequest()
        told = await self._service.ask(call, "ServerReady", asked, pb.ServerReadyResponse)
        return answer(plain(told), call, 200 if told.ready else 503)

"""The process: uvicorn, until SIGTERM; then it takes no more and finishes what is under way."""

import asyncio
import logging
import signal
import socket

import uvicorn

from convoy_gateway.app import build
from convoy_gateway.edge.guard import guarded
from convoy_gateway.settings import Settings
from convoy_gateway.upstream.mesh import Mesh

log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Serve until the process is told to end."""
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(message)s", level=settings.log_level.upper()
    )
    mesh = Mesh(settings.target, channels=settings.channels, streams=settings.max_streams)
    config = uvicorn.Config(
        build(settings, mesh),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=guarded(settings),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody asks for a caller's address
        timeout_keep_alive=settings.keep_alive,  # type: ignore[arg-type] # it is only waited for
        timeout_graceful_shutdown=settings.drain + 1,
    )
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: None)  # uvicorn raises them anew once it has ended
    log.info("calls go to %s", settings.target)
    _Server(config, mesh, settings.drain).run()


class _Server(uvicorn.Server):
    """Ends calls that last longer than the drain with an error, not with their connections."""

    def __init__(self, config: uvicorn.Config, mesh: Mesh, drain: float) -> None:
        super().__init__(config)
        self._mesh = mesh
        self._drain = drain

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().call_later(self._drain, self._mesh.abort)
        await super().shutdown(sockets)

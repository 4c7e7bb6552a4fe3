"""The whole gateway on one page: settings → ASGI application.

guard ─▶ Counted ─▶ Origin ─▶ CORS ─▶ Timely ─▶ table ─┬─▶ Connect ─┬─▶ upstream ─▶ the mesh
                                                       └─▶ REST ────┘
The guard is uvicorn's protocol, bounded: server.py.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from convoy.timing import KEY
from convoy_gateway import rest
from convoy_gateway.connect import Connect
from convoy_gateway.edge.origin import Origin
from convoy_gateway.edge.timely import Timely
from convoy_gateway.outcome import Counted
from convoy_gateway.settings import Settings
from convoy_gateway.upstream.mesh import Mesh

EXPOSED = (
    "connect-content-encoding",
    "grpc-message",
    "grpc-status",
    "grpc-status-details-bin",
    "inference-header-content-length",
    "retry-after",
    KEY,
    f"trailer-{KEY}",
)
"""Headers that pages of other origins may read."""


METHODS = ("/convoy.v1.", "/grpc.health.v1.")
"""How the paths of the contract's methods begin."""


def build(settings: Settings, mesh: Mesh) -> ASGIApp:
    """Make the application that answers by calls of ``mesh``, and closes it in the end."""

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        yield
        await mesh.close()

    table = Table(Connect(mesh, settings), rest.application(mesh, settings, lifespan))
    app: ASGIApp = Timely(table, body_timeout=settings.body_timeout)
    origins = settings.origins()
    if origins:
        app = CORSMiddleware(
            app,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=EXPOSED,
            max_age=7200,
        )
    return Counted(Origin(app, origins=origins, hosts=settings.own_hosts()))


class Table:
    """Who answers what."""

    def __init__(self, connect: ASGIApp, rest: ASGIApp) -> None:
        """Send the methods of the contract to ``connect``, everything else to ``rest``."""
        self._connect = connect
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        is_method = scope.get("path", "").startswith(METHODS)
        await (self._connect if is_method else self._rest)(scope, receive, send)

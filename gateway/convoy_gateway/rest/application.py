"""The REST parts as one ASGI application, described by /openapi.json."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from convoy_gateway.edge.body import GZIP_LEVEL
from convoy_gateway.edge.edge import Edge
from convoy_gateway.edge.leaving import Leaving
from convoy_gateway.metrics import REGISTRY
from convoy_gateway.oip.routes import router as oip
from convoy_gateway.openai.routes import router as openai
from convoy_gateway.outcome import outcome
from convoy_gateway.rest import health
from convoy_gateway.rest.errors import handle_errors
from convoy_gateway.settings import Settings
from convoy_gateway.upstream import Upstream

PAGES = Path(__file__).parents[1] / "static"

DIALECTS = {"/v1": "openai", "/v2": "oip"}


def application(
    upstream: Upstream,
    settings: Settings,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
) -> ASGIApp:
    """Answer by calls of ``upstream``."""
    edge = Edge(settings)
    app = FastAPIOffline(
        redoc_url=None,
        title="Convoy gateway",
        description="The REST parts. Connect and gRPC-Web are described by the protos.",
        version=version("convoy-mesh"),
        lifespan=lifespan,
    )
    handle_errors(app)
    for router in (oip, openai, health.router):
        app.include_router(router(upstream, edge))

    @app.get("/metrics", tags=["Health"], response_class=Response)
    async def metrics() -> Response:
        """Tell what the gateway counts, for Prometheus."""
        return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)

    _tell_400_not_422(app)
    app.router.default = _Pages(directory=PAGES, html=True)
    return Leaving(_Front(app))


def _tell_400_not_422(app: FastAPI) -> None:
    """Leave out of the description what FastAPI would answer to a faulty parameter: we do not."""
    for operations in app.openapi()["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)


class _Pages(StaticFiles):
    """What is there for paths without a route; mounted, they would hide a route's other methods."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(404)
        await super().__call__(scope, receive, send)


class _Front:
    """Says in the outcome what was called; and compresses, but not what Triton does not.

    Its clients take a compressed answer for inference alone.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._gzip = GZipMiddleware(app, minimum_size=1024, compresslevel=GZIP_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        found = outcome()
        path = scope["path"]
        found.dialect = DIALECTS.get(path[:3], "http")
        plain = found.dialect == "oip" and not path.endswith("/infer")
        if scope["method"] == "HEAD":  # uvicorn leaves the body out
            scope = {**scope, "method": "GET"}
        try:
            await (self._app if plain else self._gzip)(scope, receive, send)
        finally:
            found.method = getattr(scope.get("route"), "path", "")

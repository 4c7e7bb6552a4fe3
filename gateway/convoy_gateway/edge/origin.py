"""Whose pages may call: browsers carry a page's calls out before they ask whether they may."""

from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class Origin:
    """Refuses pages of other origins, and names that are not the gateway's own.

    CORS alone only keeps answers from a page. And a page whose own name its DNS has made this
    machine's address ("DNS rebinding") is of the same origin: hence the names.
    """

    def __init__(self, app: ASGIApp, *, origins: Collection[str], hosts: Collection[str]) -> None:
        """Let pages of ``origins`` call, or of all with ``*``; by the names ``hosts``, likewise."""
        self._app = app
        self._origins = origins
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and (wrong := self._wrong(Headers(scope=scope))):
            await JSONResponse(_body(scope["path"], wrong), 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _wrong(self, headers: Headers) -> str:
        host = headers.get("host", "")
        if "*" not in self._hosts and _name(host) not in self._hosts:
            return "the gateway is not known by this name: see its setting --hosts"
        origin = headers.get("origin")
        if origin is None or "*" in self._origins or origin in self._origins:
            return ""
        if urlsplit(origin).netloc == host:
            return ""
        return "pages of this origin may not call: see the setting --cors-origins"


def _body(path: str, wrong: str) -> dict[str, Any]:
    """Tell what is wrong so that every dialect's clients find it; OpenAI's have a shape apart."""
    if path.startswith("/v1/"):
        told = {"message": wrong, "type": "permission_error", "param": None}
        return {"error": {**told, "code": "permission_denied"}}
    return {"code": "permission_denied", "error": wrong, "message": wrong}


def _name(host: str) -> str:
    return (urlsplit(f"//{host}").hostname or "") if host else ""

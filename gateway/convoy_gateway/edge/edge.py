"""A request's way in: its headers, its body, and its JSON, each within the settings' bounds."""

import asyncio
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel
from starlette.requests import Request

from convoy_gateway.edge import bounded_json
from convoy_gateway.edge.body import read_body
from convoy_gateway.edge.headers import to_call
from convoy_gateway.settings import Settings
from convoy_gateway.upstream import Call

M = TypeVar("M", bound=BaseModel)


class Edge:
    """Reads requests for every dialect; each method raises ConvoyError."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def call(self, headers: Mapping[str, str]) -> Call:
        """Give the call that a request's headers describe."""
        now = asyncio.get_running_loop().time()
        return to_call(headers, self._settings, now)

    async def body(self, request: Request) -> bytes:
        """Read a request's body, decompressed."""
        return await read_body(request, self._settings.max_body)

    def parse(self, data: bytes, model: type[M]) -> M:
        """Read a JSON body as a model."""
        return bounded_json.parse(data, model, self._settings.json_bounds())

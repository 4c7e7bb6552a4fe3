"""Whose pages may call, and by which names."""

import httpx2 as httpx
import pytest
from starlette.responses import PlainTextResponse

from convoy_gateway.edge.origin import Origin
from convoy_gateway.settings import LOCAL


async def status(
    headers: dict[str, str], *, origins: frozenset[str] = frozenset(), hosts: frozenset[str] = LOCAL
) -> int:
    app = Origin(PlainTextResponse("there"), origins=origins, hosts=hosts)
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8080") as client:
        return (await client.post("/v2/repository/models/m/unload", headers=headers)).status_code


@pytest.mark.parametrize(
    ("headers", "due"),
    [
        ({}, 200),
        ({"origin": "http://localhost:8080"}, 200),
        ({"host": "127.0.0.1:8080"}, 200),
        ({"host": "[::1]:8080"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://localhost:9999"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "evil.example"}, 403),
        ({"host": "evil.example:8080", "origin": "http://evil.example:8080"}, 403),
        ({"host": ""}, 403),
    ],
)
async def test_a_foreign_page_does_not_reach_the_mesh(headers: dict[str, str], due: int) -> None:
    """Without CORS a browser carries such calls out all the same: one unloaded a model."""
    assert await status(headers) == due


async def test_origins_and_names_may_be_let_in() -> None:
    page = {"origin": "https://app.example"}
    assert await status(page, origins=frozenset({"https://app.example"})) == 200
    assert await status(page, origins=frozenset({"*"})) == 200
    assert await status({"host": "any.example"}, hosts=frozenset({"*"})) == 200

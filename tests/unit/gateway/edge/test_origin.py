"""Whose pages may call, and by which names."""

import httpx2 as httpx
import pytest
from starlette.responses import PlainTextResponse

from convoy import Code, ConvoyError
from convoy_gateway.edge.origin import Origin
from convoy_gateway.openai import errors
from convoy_gateway.settings import LOCAL

UNLOAD = "/v2/repository/models/m/unload"


async def called(
    headers: dict[str, str],
    *,
    path: str = UNLOAD,
    origins: frozenset[str] = frozenset(),
    hosts: frozenset[str] = LOCAL,
) -> httpx.Response:
    app = Origin(PlainTextResponse("there"), origins=origins, hosts=hosts)
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8080") as client:
        return await client.post(path, headers=headers)


async def status(headers: dict[str, str], **allowed: frozenset[str]) -> int:
    return (await called(headers, **allowed)).status_code  # type: ignore[arg-type]


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


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "https://evil.example"}])
async def test_openais_clients_are_told_in_their_own_shape(headers: dict[str, str]) -> None:
    """They found no message: what they read is an object."""
    told = (await called(headers, path="/v1/chat/completions")).json()
    message = told["error"]["message"]
    assert "see" in message
    assert told == errors.body(ConvoyError(Code.PERMISSION_DENIED, message))


async def test_others_are_told_as_they_read_it() -> None:
    told = (await called({"host": "evil.example"})).json()
    assert told["code"] == "permission_denied"
    assert told["error"] == told["message"] != ""

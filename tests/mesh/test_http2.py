"""What no gRPC client sends, and headers beyond all measure: a status too, for that call alone."""

import asyncio
import base64

import grpc
import pytest
from google.rpc.status_pb2 import Status

from convoy import Code
from convoy.status import from_status
from convoy_services.local.mesh import LocalMesh
from tests.mesh.calls import TIMEOUT, run
from tests.mesh.cases import EMBED, RUN_STREAM
from tests.mesh.http2 import EMPTY, LIST, Reply, exchange, headers
from tests.mesh.leaks import Leaks


@pytest.mark.parametrize("size", [17 << 10, 64 << 10, 100 << 10])
async def test_a_large_header_fails_its_call_alone(channel: grpc.aio.Channel, size: int) -> None:
    """It ended the connection, and with it all calls on it."""
    slow = asyncio.ensure_future(run(channel, "fussy", [b"sleep 0.3"]))
    await run(channel, "echo", [b"after it on the connection"])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await channel.unary_unary(LIST)(b"", timeout=TIMEOUT, metadata=[("x", "a" * size)])
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "received metadata size exceeds hard limit" in str(caught.value.details())
    assert (await slow)["data"].elements() == [b"sleep 0.3"]
    assert await channel.unary_unary(LIST)(b"", timeout=TIMEOUT)


JSON = b'{"texts": ["hello"]}'


@pytest.mark.parametrize(
    ("head", "body", "code", "reason"),
    [
        (headers(content_type="application/json"), b"{}", 3, "MALFORMED_MESSAGE"),
        (headers(path=EMBED, content_type="application/json"), JSON, 3, "INVALID_REQUEST"),
        (headers(content_type="text/html"), b"", 3, "MALFORMED_MESSAGE"),
        (headers(), b"", 3, "MALFORMED_MESSAGE"),
        (headers(), b"\0\0", 3, "MALFORMED_MESSAGE"),
        (headers(), b"\0\0\0\0\x10abc", 3, "MALFORMED_MESSAGE"),
        (headers(path=RUN_STREAM), b"\0\0\0\0\x10abc", 3, "MALFORMED_MESSAGE"),
        (headers(), b"\0\xff\xff\xff\xff", 8, None),
        (headers(), b"\1\0\0\0\0", 13, None),
        (headers(("grpc-encoding", "gzip")), b"\1\0\0\0\2ab", 13, None),
        (headers(("grpc-encoding", "br")), b"\1\0\0\0\2ab", 13, None),
        (headers(("grpc-timeout", "soon")), EMPTY, 13, None),
        (headers(("x-bin", "!!!")), EMPTY, 13, None),
        (headers(path="/../../etc/passwd"), EMPTY, 12, "NO_SUCH_METHOD"),
        (headers(path="/%2e%2e/List"), b"", 12, "NO_SUCH_METHOD"),
    ],
)
async def test_what_is_no_grpc_gets_a_status_too(
    mesh: LocalMesh,
    leaks: Leaks,
    head: list[tuple[str, str]],
    body: bytes,
    code: int,
    reason: str | None,
) -> None:
    """A call without a whole message was never answered.

    gRPC's own refusals have no details; a frame of no known kind, as JSON is, it takes for an empty
    message.
    """
    replies = await exchange(mesh.target, (head, body), (headers(), EMPTY), timeout=TIMEOUT)
    look(leaks, *replies)
    refused, after = replies
    assert refused.headers["grpc-status"] == str(code)
    assert refused.headers["grpc-message"]
    told = base64.b64decode(refused.headers.get("grpc-status-details-bin", "") + "==")
    assert from_status(Status.FromString(told)).reason == (reason or Code.OK.name)
    assert after.headers["grpc-status"] == "0"


@pytest.mark.parametrize(
    "head",
    [
        headers(method="GET"),
        headers(method="PUT"),
        headers(method="DELETE"),
        headers(*((f"x-{n}", "") for n in range(150))),
    ],
)
async def test_what_http_has_and_grpc_has_not_is_refused(
    mesh: LocalMesh, leaks: Leaks, head: list[tuple[str, str]]
) -> None:
    replies = await exchange(mesh.target, (head, b""), (headers(), EMPTY), timeout=TIMEOUT)
    look(leaks, *replies)
    refused, after = replies
    assert refused.reset is not None or refused.headers["grpc-status"] != "0"
    assert after.headers["grpc-status"] == "0"


def look(leaks: Leaks, *replies: Reply) -> None:
    for reply in replies:
        leaks.look("http2", *reply.headers.values(), reply.data)

"""The eye on all replies sees what none may tell."""

import grpc
import pytest

from tests.mesh.calls import TIMEOUT
from tests.mesh.leaks import INTERNALS, Leaks


@pytest.mark.parametrize(
    "text",
    [
        "Traceback (most recent call last):",
        'File "/usr/lib/x", line 3',
        "see /tmp/convoy-1/ray",
        "see /tmp/pytest-of-root/pytest-7/home0/mesh.yaml",
        "/root/x",
        "/home/me",
        "stage.py:17",
        "x/site-packages/ray",
        "pid=77",
        "ray::ServeReplica",
        "at 127.0.0.1:21501",
        "at [::1]:80",
        "<Stage object at 0x7f>",
    ],
)
def test_what_may_not_be_told_is_found(text: str) -> None:
    assert INTERNALS.search(b"\n\x12" + text.encode() + b"\0")


@pytest.mark.parametrize(
    "text",
    [
        "rows[3]: 1.5.2.7",
        "a rapid=1",
        "stage/encode",
        "happy::",
        "at 12:30",
        "wait for /tmp/pytest-of-root/pytest-7/test_that_waits0/end",
    ],
)
def test_what_may_be_told_is_not(text: str) -> None:
    assert not INTERNALS.search(text.encode())


async def test_errors_and_messages_are_looked_at(leaks: Leaks) -> None:
    async def tell(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
        if request == b"fail":
            await context.abort(grpc.StatusCode.INTERNAL, "in /tmp/x")
        if request == b"trail":
            context.set_trailing_metadata([("x-bin", b"\0pid=7")])
            await context.abort(grpc.StatusCode.INTERNAL, "no")
        return b"from 10.0.0.7:80"

    server = grpc.aio.server()
    handlers = {"C": grpc.unary_unary_rpc_method_handler(tell)}
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("a.B", handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    seen, found = leaks.seen, len(leaks.found)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary("/a.B/C")
        assert await call(b"", timeout=TIMEOUT) == b"from 10.0.0.7:80"
        for request in (b"fail", b"trail"):
            with pytest.raises(grpc.aio.AioRpcError):
                await call(request, timeout=TIMEOUT)
    await server.stop(None)
    assert leaks.seen == seen + 3
    assert len(leaks.found) == found + 3
    del leaks.found[found:]  # told on purpose

"""What every request meets on its way in and out: bounds, origins, compression, counters."""

import contextlib
import gzip
import json
import socket
from collections.abc import Iterator, Mapping

import pytest

from convoy_services.local.mesh import LocalMesh
from tests.mesh.gateway.asked import Ask, Client
from tests.mesh.gateway.process import WITHIN, Gateway, gateway

ORIGIN = "https://app.example.com"
RUN = "/convoy.v1.PipelineService/Run"
INFER = "/v2/models/echo/infer"
EMBED = "/v1/embeddings"


def infer(*rows: str) -> dict[str, object]:
    tensor = {"name": "data", "shape": [len(rows)], "datatype": "BYTES", "data": rows}
    return {"inputs": [tensor]}


@pytest.fixture(scope="module")
def hasty(mesh: LocalMesh) -> Iterator[Gateway]:
    """A gateway that some pages may call, and that waits for nobody."""
    flags = ("--cors-origins", ORIGIN, "--header-timeout", "0.5")
    with gateway(mesh.target, *flags, "--body-timeout", "0.5") as made:
        yield made


PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "x-a"}


@pytest.mark.parametrize("path", [RUN, INFER, EMBED])
def test_pages_of_other_origins_are_kept_out(edge: Gateway, path: str) -> None:
    status, headers, _ = edge.request("OPTIONS", path, None, {"origin": ORIGIN, **PREFLIGHT})
    assert status == 403
    assert not [name for name in headers if name.startswith("access-control-")]
    status, headers, _ = edge.post(path, {}, origin=ORIGIN)
    assert status == 403
    assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", [RUN, INFER, EMBED])
def test_pages_of_an_origin_that_is_named_may_call(hasty: Gateway, path: str) -> None:
    asked = {"origin": ORIGIN, **PREFLIGHT}
    status, headers, _ = hasty.request("OPTIONS", path, None, asked)
    assert (status, headers["access-control-allow-origin"]) == (200, ORIGIN)
    _, headers, _ = hasty.post(path, {}, origin=ORIGIN)
    assert headers["access-control-allow-origin"] == ORIGIN
    exposed = headers["access-control-expose-headers"].lower()
    assert {"grpc-status", "retry-after"} <= set(exposed.split(", "))
    asked["origin"] = "https://other.example.com"
    assert hasty.request("OPTIONS", path, None, asked)[0] == 403


def exchange(port: int, data: bytes) -> bytes:
    """Send it, and read until the gateway closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=WITHIN) as sock:
        sock.sendall(data)
        told = b""
        with contextlib.suppress(ConnectionError):
            while piece := sock.recv(1 << 16):
                told += piece
    return told


@pytest.mark.parametrize("path", [RUN, INFER, EMBED])
def test_headers_that_never_end_are_not_waited_for(hasty: Gateway, path: str) -> None:
    told = exchange(hasty.port, b"POST %b HTTP/1.1\r\nhost: a\r\nx-a: " % path.encode())
    assert told.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(("path", "status"), [(RUN, (408, 504)), (INFER, (408,)), (EMBED, (408,))])
def test_a_body_that_never_ends_is_not_waited_for(
    hasty: Gateway, path: str, status: tuple[int, ...]
) -> None:
    head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    told = exchange(hasty.port, head.encode() + b"content-length: 9\r\n\r\n{")
    assert int(told.split(b" ", 2)[1]) in status


@pytest.mark.parametrize("path", [RUN, INFER, EMBED])
def test_headers_too_large_are_refused(edge: Gateway, path: str) -> None:
    status, _, body = edge.post(path, {}, **{"x-large": "a" * (20 << 10)})
    assert status == 431
    assert json.loads(body)["code"] == "resource_exhausted"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/convoy.v1.PipelineService/List", {}),
        (INFER, infer("a" * 5000)),
        (EMBED, {"model": "embedding", "input": "a text"}),
    ],
)
def test_both_ways_may_be_compressed(edge: Gateway, path: str, body: Mapping[str, object]) -> None:
    headers = {"content-type": "application/json", "accept-encoding": "gzip"}
    plain = json.dumps(body).encode()
    status, told, answer = edge.request("POST", path, plain, headers)
    assert (status, told["content-encoding"]) == (200, "gzip")
    once = json.loads(gzip.decompress(answer))
    headers["content-encoding"] = "gzip"
    status, told, answer = edge.request("POST", path, gzip.compress(plain), headers)
    assert (status, json.loads(gzip.decompress(answer)).keys()) == (200, once.keys())


@pytest.mark.parametrize("path", [RUN, INFER, EMBED])
def test_a_body_that_is_large_only_when_decompressed_is_refused(edge: Gateway, path: str) -> None:
    bomb = gzip.compress(b"[" + b" " * (32 << 20))
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    status, _, body = edge.request("POST", path, bomb, headers)
    assert status in {413, 429}
    assert b"body" in body or b"message" in body


def test_it_counts_by_dialect(edge: Gateway, clients: Mapping[str, Client]) -> None:
    names = ("connect-node connect", "connect-node grpc-web", "curl connect json", "curl oip")
    for name in names:
        clients[name].start(edge.base, Ask(pipeline="echo", rows=[b"x"])).outcome()
    edge.post(EMBED, {"model": "embedding", "input": "a text"})
    told = edge.get("/metrics")[2].decode()
    for dialect, method in (
        ("connect", "convoy.v1.PipelineService/Run"),
        ("grpc-web", "convoy.v1.PipelineService/Run"),
        ("connect-json", "convoy.v1.PipelineService/Run"),
        ("oip", "/v2/models/{model}/infer"),
        ("openai", "/v1/embeddings"),
    ):
        labels = f'code="OK",dialect="{dialect}",method="{method}"'
        assert f"convoy_gateway_requests_total{{{labels}}} " in told


@pytest.mark.parametrize("name", ["connect-node connect", "curl connect json", "curl oip"])
def test_it_tells_where_the_time_went(
    edge: Gateway, clients: Mapping[str, Client], name: str
) -> None:
    ask = Ask(pipeline="echo", rows=[b"x"], headers={"convoy-timing": "1"})
    headers = clients[name].start(edge.base, ask).outcome().headers
    (timing,) = (headers[key] for key in headers if key.removeprefix("trailer-") == "convoy-timing")
    assert "total" in timing


def test_it_is_ready_with_a_mesh(edge: Gateway) -> None:
    assert edge.get("/livez")[0] == 200
    assert edge.get("/readyz")[0] == 200
    assert edge.get("/readyz?service=pipeline/echo")[0] == 200
    assert edge.get("/readyz?service=pipeline/nope")[0] == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", INFER, "POST"),
        ("GET", EMBED, "POST"),
        ("GET", "/v2/repository/index", "POST"),
        ("OPTIONS", "/v2/repository/index", "POST"),
        ("POST", "/v2/models/echo", "GET"),
        ("DELETE", "/v1/models", "GET"),
    ],
)
def test_a_method_that_a_path_does_not_take_is_named(
    edge: Gateway, method: str, path: str, allowed: str
) -> None:
    status, headers, _ = edge.request(method, path, None)
    assert (status, headers.get("allow")) == (405, allowed)

"""Which client is asked what: the rows and the columns of the table, and what is left out of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.mesh.gateway.asked import Client
from tests.mesh.gateway.commands import Buf, Curl
from tests.mesh.gateway.drivers import Driver, Node, Python

CLIENTS: Mapping[str, str] = {
    "connect-node connect": "connect",
    "connect-node connect json": "connect",
    "connect-node grpc-web": "grpc-web",
    "connect-web connect": "connect",
    "connect-web connect json": "connect",
    "connect-web grpc-web": "grpc-web",
    "curl connect": "connect",
    "curl connect json": "connect",
    "curl oip": "oip",
    "curl openai": "openai",
    "buf connect": "connect",
    "buf grpc-web": "grpc-web",
    "openai": "openai",
    "tritonclient": "oip",
    "tritonclient aio": "oip",
}
"""Each client, and the dialect that it speaks."""

STREAMS = (
    "a stream",
    "a stream's error",
    "a stream's deadline",
    "a stream given up",
    "a stream's oversized body",
    "a stream, upstream killed",
)
CASES = (
    "a call",
    "an error",
    "a retry",
    "a deadline",
    "a call given up",
    "an oversized body",
    "a call, upstream killed",
    *STREAMS,
)

KILLED = ("a call, upstream killed", "a stream, upstream killed")


def left_out(client: str, case: str) -> str:
    """Say why a case is not for a client; empty where it is."""
    if case in STREAMS and CLIENTS[client] in {"oip", "openai"}:
        return "OIP's REST has no streams, and neither have OpenAI's embeddings"
    if case == "a call given up" and client == "tritonclient":
        return "nothing can interrupt a call of the synchronous client; its asyncio one is there"
    return ""


TABLE: Sequence[tuple[str, str]] = [
    (client, case) for case in CASES for client in CLIENTS if not left_out(client, case)
]

SILENT = {"tritonclient", "tritonclient aio"}
"""Their exceptions have the HTTP status and the message, nothing else of an error."""


def build(node: Driver, python: Driver, descriptors: Path) -> Mapping[str, Client]:
    """Make the clients."""

    def one(name: str, dialect: str) -> Client:
        program, *rest = name.split()
        match program:
            case "connect-node" | "connect-web":
                return Node(name, dialect, node)
            case "curl":
                return Curl(name, dialect, "proto" if rest == ["connect"] else "json")
            case "buf":
                return Buf(name, dialect, descriptors)
        return Python(name, dialect, python)

    return {name: one(name, dialect) for name, dialect in CLIENTS.items()}

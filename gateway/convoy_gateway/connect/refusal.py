"""What connectrpc would refuse without a word."""

from starlette.responses import JSONResponse
from starlette.types import Scope

UNARY = frozenset({b"application/proto", b"application/json"})
STREAM = frozenset({b"application/connect+proto", b"application/connect+json"})
GRPC_WEB = frozenset(
    {b"application/grpc-web", b"application/grpc-web+proto", b"application/grpc-web+json"}
)

LONGEST = 128
"""Characters of a path that an answer repeats."""


def no_such_method(path: str) -> JSONResponse:
    """Refuse a path: Connect's clients read the code, gRPC-Web's and others the status."""
    return _refuse(404, "unimplemented", f"there is no method {path[:LONGEST]}")


def streams_in(method: str, twin: str) -> JSONResponse:
    """Refuse a method whose client streams."""
    message = f"{method} streams from the client, which HTTP does not carry: call {twin}"
    return _refuse(501, "unimplemented", message)


def misfit(scope: Scope, *, streams: bool) -> JSONResponse | None:
    """Refuse what is not sent as its method wants it; None where it is."""
    if scope["method"] != "POST":
        refused = _refuse(405, "unimplemented", "send a POST")
        refused.headers["allow"] = "POST"
        return refused
    kind = next((value for key, value in scope["headers"] if key == b"content-type"), b"")
    kind = kind.partition(b";")[0].strip().lower()
    wanted = STREAM if streams else UNARY
    if kind in wanted or kind in GRPC_WEB:
        return None
    if kind.startswith(b"application/grpc") and not kind.startswith(b"application/grpc-web"):
        message = "gRPC itself is spoken on the mesh's own port"
    else:
        how = "streams its answer" if streams else "is unary"
        message = f"the method {how}"
    accepted = ", ".join(sorted(each.decode() for each in wanted | GRPC_WEB))
    return _refuse(415, "unimplemented", f"{message}; take one of the content types {accepted}")


def _refuse(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"code": code, "message": message}, status)

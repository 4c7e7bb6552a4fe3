"""Where the time of a call went, as a header."""

from convoy.timing import KEY
from convoy_gateway.upstream import Call


def timed(call: Call) -> dict[str, str]:
    """Give the header with it, where the mesh was asked for it."""
    return {KEY: call.trailers[KEY]} if KEY in call.trailers else {}

"""The way to the mesh: gRPC, and nothing of HTTP."""

from convoy_gateway.upstream.call import Call
from convoy_gateway.upstream.upstream import Upstream

__all__ = ["Call", "Upstream"]

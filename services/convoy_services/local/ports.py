"""Ports: one that callers know, and a block of a hundred for everything behind it."""

import errno
import random
import socket
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Self

LOOPBACK = "127.0.0.1"
SIZE = 100
BLOCKS = range(20_000, 32_000, SIZE)
"""Below the range from which Linux takes the ports of outgoing connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Every port of one mesh."""

    grpc: int
    """Where callers find the mesh."""
    block: int
    """The first of the ports behind it: held by the supervisor, so that no two meshes share it."""
    metrics: int
    """Where Prometheus finds its metrics."""
    gateway: int | None = None
    """Where HTTP callers find it; None without a gateway."""

    @classmethod
    def choose(
        cls, grpc: int, metrics: int = 0, gateway: int | None = None
    ) -> tuple[Self, socket.socket]:
        """Choose ports that are free; 0 takes one of the block.

        The socket holds the block for as long as a process keeps it open. Raises OSError when
        no block is free.
        """
        for block in random.sample(BLOCKS, len(BLOCKS)):
            claim = socket.socket()
            with suppress(OSError):
                claim.bind((LOOPBACK, block))
                if not any(is_taken(port) for port in range(block + 1, block + SIZE)):
                    ports = cls(
                        grpc=grpc or block + 1,
                        block=block,
                        metrics=metrics or block + 7,
                        gateway=block + 8 if gateway == 0 else gateway,
                    )
                    return ports, claim
            claim.close()
        raise OSError(errno.EADDRINUSE, f"no {SIZE} ports in a row are free from {BLOCKS.start} on")

    @property
    def http(self) -> int:
        """Serve's HTTP port, which Serve opens whether or not anybody asks."""
        return self.block + 2

    @property
    def haproxy_stats(self) -> int:
        """HAProxy's page of figures."""
        return self.block + 3

    @property
    def haproxy_metrics(self) -> int:
        """HAProxy's own metrics."""
        return self.block + 4

    @property
    def fallback_http(self) -> int:
        """Serve's proxy behind HAProxy, over HTTP."""
        return self.block + 5

    @property
    def fallback_grpc(self) -> int:
        """Serve's proxy behind HAProxy, over gRPC."""
        return self.block + 6

    @property
    def replica_http(self) -> range:
        """One for each ingress replica, old ones that drain included."""
        return range(self.block + 20, self.block + 60)

    @property
    def replica_grpc(self) -> range:
        """One for each ingress replica, old ones that drain included."""
        return range(self.block + 60, self.block + SIZE)

    def named(self) -> dict[str, int]:
        """Give each port, or the first of each range, by its name."""
        return {
            "grpc": self.grpc,
            "metrics": self.metrics,
            **({} if self.gateway is None else {"gateway": self.gateway}),
            "http": self.http,
            "haproxy_stats": self.haproxy_stats,
            "haproxy_metrics": self.haproxy_metrics,
            "fallback_http": self.fallback_http,
            "fallback_grpc": self.fallback_grpc,
            "replica_http": self.replica_http.start,
            "replica_grpc": self.replica_grpc.start,
        }

    @property
    def target(self) -> str:
        """What a gRPC client dials."""
        return f"{LOOPBACK}:{self.grpc}"


def is_taken(port: int) -> bool:
    """Whether a server listens on this port of the loopback address."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
        return False

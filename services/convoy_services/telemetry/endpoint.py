"""The metrics of a node: one port, whichever of its ingresses holds it."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from convoy_services.telemetry import place

PERIOD = 1.0
"""Seconds between two tries to take the port: its holder may have died."""


class Node(Collector):
    """Adds up what every process of this node has counted, those that have ended included."""

    def __init__(self, folder: Path) -> None:
        """Read the files in ``folder``."""
        self._folder = folder
        collector: Any = MultiProcessCollector  # untyped
        self._collector = collector(CollectorRegistry(), str(folder))

    def collect(self) -> Iterable[Metric]:
        """Give every metric; gauges count for as long as their process lives."""
        for file in self._folder.glob("gauge_live*.db"):
            pid = file.stem.rpartition("_")[2]
            if not Path("/proc", pid).exists():
                forget: Any = mark_process_dead  # untyped
                forget(pid, str(self._folder))
        metrics: Iterable[Metric] = self._collector.collect()
        return metrics


async def serve() -> None:
    """Serve the metrics of this node for as long as no other process does; never returns."""
    host, port = place.address()
    registry = CollectorRegistry()
    registry.register(Node(place.folder()))
    server: Any = None
    try:
        while server is None:
            try:
                server, _ = start_http_server(port, host, registry)
            except OSError:
                await asyncio.sleep(PERIOD)
        await asyncio.Event().wait()
    finally:
        if server is not None:
            server.shutdown()
            server.server_close()

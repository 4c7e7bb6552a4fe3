"""The metrics of a node: one port, whichever of its ingresses holds it."""

import asyncio
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from convoy_services.telemetry import place

MOST, PATIENCE = 8, 5.0
"""Connections at a time, and the seconds that each may be silent."""

FRESH = 0.25
"""Seconds for which a page is given again: reading it takes turns from those who call."""

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


class _Page:
    """The metrics as text, made once for all who ask within a short time."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._lock = threading.Lock()
        self._made, self._text = -FRESH, b""

    def __call__(self, environ: Mapping[str, Any], start_response: Any) -> list[bytes]:
        """Answer as WSGI has it: https://peps.python.org/pep-3333/."""
        if environ["PATH_INFO"] not in ("/", "/metrics"):
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"the metrics are at /metrics\n"]
        with self._lock:
            if time.monotonic() - self._made > FRESH:
                self._text = generate_latest(self._registry)
                self._made = time.monotonic()
        start_response("200 OK", [("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)])
        return [self._text]


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE

    def log_message(self, *_: object) -> None:
        """Log nothing of it."""


class _Server(ThreadingMixIn, WSGIServer):
    """Answers few at a time: it shares the process of an ingress."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *args: Any) -> None:
        self._room = threading.BoundedSemaphore(MOST)
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin a thread where there is room for it; others are hung up on."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let those go that went."""


async def serve() -> None:
    """Serve the metrics of this node for as long as no other process does; never returns."""
    host, port = place.address()
    registry = CollectorRegistry()
    registry.register(Node(place.folder()))
    server: Any = None
    while server is None:
        try:
            server = make_server(host, port, _Page(registry), _Server, _Handler)
        except OSError:
            await asyncio.sleep(PERIOD)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    try:
        await asyncio.Event().wait()
    finally:
        server.shutdown()
        server.server_close()

"""Where the metrics of a node are kept and told, as its environment says."""

import os
import tempfile
from pathlib import Path

FOLDER, HOST, PORT = "CONVOY_METRICS_FOLDER", "CONVOY_METRICS_HOST", "CONVOY_METRICS_PORT"

DEFAULT_PORT = 9464
"""That of OpenTelemetry's exporter for Prometheus."""


def folder() -> Path:
    """Give the folder of this node's values, made where there is none."""
    chosen = os.environ.get(FOLDER) or Path(tempfile.gettempdir(), f"convoy-metrics-{os.getuid()}")
    path = Path(chosen)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def address() -> tuple[str, int]:
    """Give the host and the port; every interface unless the environment says otherwise."""
    return os.environ.get(HOST, "0.0.0.0"), int(os.environ.get(PORT, DEFAULT_PORT))

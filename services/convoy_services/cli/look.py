"""What ``convoy top`` sees of a mesh on this machine."""

from typing import NamedTuple
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from convoy_services.local.errors import MeshError
from convoy_services.local.mesh import LocalMesh
from convoy_services.local.ports import LOOPBACK
from convoy_services.local.state import MeshState
from convoy_services.telemetry.look import Change, Look

TIMEOUT = 5.0
"""Seconds that the metrics have to come."""


class Seen(NamedTuple):
    """What a mesh did lately, and its state now."""

    change: Change
    state: MeshState


def take(mesh: LocalMesh) -> Look:
    """Look at a mesh's metrics; raises MeshError where they do not answer."""
    url = f"http://{LOOPBACK}:{mesh.settings.ports.metrics}/metrics"
    try:
        with urlopen(url, timeout=TIMEOUT) as answer:
            text = answer.read().decode()
    except OSError as exc:
        raise MeshError(f"the metrics of {mesh.settings.name} do not answer: {exc}") from exc
    return Look.of(text_string_to_metric_families(text))

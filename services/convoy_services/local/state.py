"""The state of a mesh as ``convoy status`` tells it: plain data, the same as its JSON."""

import json
import socket
from pathlib import Path
from typing import Any, TypedDict

TIMEOUT = 5.0
"""Seconds that a supervisor has to tell its state."""


class DeploymentState(TypedDict):
    """One deployment, as Serve sees it."""

    state: str
    """Serve's word for it: HEALTHY, UPDATING …"""
    replicas: dict[str, int]
    """How many replicas there are in each state."""
    message: str
    stages: list[str]
    seconds: float | None
    """From its deployment until it was healthy; None while it is not, and for the ingress."""
    import_s: float | None
    load_s: float | None


class ProcessState(TypedDict):
    """One process."""

    pid: int
    name: str
    memory: int
    """Bytes, shared pages in part."""


class MeshState(TypedDict):
    """A whole mesh."""

    name: str
    state: str
    """RUNNING and Serve's other words for an application, STARTING, or DEAD."""
    message: str
    """Why it is dead, where it could tell, or why its last update failed."""
    target: str
    url: str | None
    """The gateway's; None without one."""
    mode: str
    """haproxy or plain."""
    since: float
    """When it was asked for, in seconds since the epoch."""
    pid: int
    """The supervisor's."""
    config: str
    log: str
    ports: dict[str, int]
    pipelines: list[str]
    traffic: dict[str, dict[str, int]]
    """What each pipeline has done since its ingress started: rows waiting now, requests answered
    and failed, batches that left, rows that came back, rows sent again because a replica had died,
    and orphans: rows sent after their cancellation, of which there must be none."""
    versions: dict[str, str]
    """The version that is live of each stage whose model has such."""
    start_s: dict[str, float]
    """How long its start took: ray, serve, and ready for the whole."""
    deployments: dict[str, DeploymentState]
    processes: list[ProcessState]


def ask(control: Path, what: str) -> Any:
    """Ask a supervisor for its ``state`` or the ``spans``; raises OSError where none answers."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(TIMEOUT)
        client.connect(str(control))
        client.sendall(f"{what}\n".encode())
        with client.makefile() as reader:
            return json.load(reader)

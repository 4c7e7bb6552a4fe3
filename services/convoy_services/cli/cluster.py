"""A mesh on a Ray cluster, by Serve's REST: https://docs.ray.io/en/latest/serve/api/."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from convoy_services.local.errors import MeshError, last_error, not_started
from convoy_services.serve_config import (
    APP,
    AT_FAULT,
    DEPLOY_FAILED,
    HEALTHY,
    RUNNING,
    serve_config,
)

PATH = "/api/serve/applications/"
TIMEOUT = 30.0
"""Seconds that the dashboard has for one answer: its first one starts Serve."""

PERIOD = 0.5
"""Seconds between two looks."""


def deploy(address: str, config: str, *, port: int, plain: bool) -> Iterator[tuple[str, float]]:
    """Put the mesh on the cluster whose dashboard is at ``address`` and wait until it runs.

    Gives each deployment that has become healthy, with the seconds since the beginning. Raises
    MeshError where nobody answers, the cluster refuses, or a stage cannot start.
    """
    began = time.monotonic()
    _call(address, "PUT", serve_config(config, port=port, plain=plain))
    ready: set[str] = set()
    while True:
        application = _call(address, "GET")["applications"].get(APP, {})
        deployments = application.get("deployments", {})
        for name, deployment in deployments.items():
            if name not in ready and deployment["status"] == HEALTHY:
                ready.add(name)
                yield name, time.monotonic() - began
        if application.get("status") == RUNNING:
            return
        if application.get("status") == DEPLOY_FAILED:
            raise _error(application)
        time.sleep(PERIOD)


def _error(application: Mapping[str, Any]) -> MeshError:
    deployments = application["deployments"].items()
    messages = {n: d["message"] for n, d in deployments if d["status"] in AT_FAULT}
    return not_started(messages, application["message"])


def _call(address: str, method: str, body: Mapping[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **_authorization()}
    request = Request(f"http://{address}{PATH}", data, headers, method=method)
    try:
        with urlopen(request, timeout=TIMEOUT) as response:
            text = response.read()
    except HTTPError as exc:
        with exc:
            said = last_error(exc.read().decode(errors="replace"))
        raise MeshError(f"{address} refuses ({exc.code}): {said or exc.reason}") from exc
    except (OSError, HTTPException) as exc:
        raise MeshError(f"{address} is no Ray dashboard: {exc}") from exc
    return json.loads(text) if text else {}


def _authorization() -> dict[str, str]:
    """Give the token of a cluster that asks for one, found where Ray's own tools look."""
    if token := os.environ.get("RAY_AUTH_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    file = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray/auth_token")
    return {"Authorization": f"Bearer {file.read_text().strip()}"} if file.exists() else {}

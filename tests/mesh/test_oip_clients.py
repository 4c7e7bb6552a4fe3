"""Clients of the Open Inference Protocol that we did not write, each in a process of its own.

They register the same protobuf messages as ``convoy.oip`` and want another protobuf.
"""

import subprocess
from pathlib import Path

import pytest

from convoy_services.local.mesh import LocalMesh
from tests.mesh.gateway.process import gateway

PYTHON = Path(__file__).parents[2] / ".venv-clients" / "bin" / "python"
CLIENTS = Path(__file__).parent / "clients"
TIMEOUT = 100.0
"""Seconds; a deadline, never an expectation."""


@pytest.mark.parametrize("client", ["triton_client.py", "kserve_client.py"])
def test_it_works_unchanged(client: str, mesh: LocalMesh) -> None:
    run(client, mesh.target)


def test_tritons_http_client_works_unchanged_through_the_gateway(mesh: LocalMesh) -> None:
    with gateway(mesh.target) as made:
        run("triton_http_client.py", made.base.removeprefix("http://"))


def run(client: str, address: str) -> None:
    """Run a client to its end."""
    if not PYTHON.exists():
        pytest.fail("the clients are not installed: `make test` installs them")
    done = subprocess.run(
        [PYTHON, "-I", CLIENTS / client, address],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout

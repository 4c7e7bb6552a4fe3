"""schemathesis against /openapi.json: whatever fits or nearly fits it, no server error."""

import subprocess
from pathlib import Path

from tests.mesh.gateway.conftest import PYTHON
from tests.mesh.gateway.process import Gateway

COMMAND = PYTHON.parent / "schemathesis"
CONFIG = Path(__file__).with_name("schemathesis.toml")
WITHIN = 100.0
"""Seconds; a deadline, never an expectation."""
EXAMPLES = 5
"""For each operation."""
EXCEPT = "positive_data_acceptance"
"""A request that fits the schema may be refused: no schema can say what rows a pipeline takes, nor
that raw bytes are as many as a header tells."""


def test_no_request_is_a_server_error(edge: Gateway, tmp_path: Path) -> None:
    """Models are not loaded or unloaded: a closed pipeline would fail the tests that follow."""
    done = subprocess.run(
        [
            *(COMMAND, "--config-file", CONFIG, "run", f"{edge.base}/openapi.json"),
            *("--exclude-checks", EXCEPT, "--continue-on-failure"),
            *("--exclude-path-regex", "/v2/repository/models/.*"),
            *("--max-examples", str(EXAMPLES), "--generation-deterministic"),
            *("--phases", "examples,coverage,fuzzing", "--max-time", "8"),
            *("--no-color", "--request-timeout", "20"),
        ],
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
        cwd=tmp_path,  # it leaves a folder
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]

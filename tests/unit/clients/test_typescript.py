"""The TypeScript client's own tests: they call fakes on real sockets, and no mesh."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def test_the_typescript_client_passes_its_tests() -> None:
    if not (ROOT / "node_modules").exists():
        pytest.fail("the TypeScript client's tools are not installed: `make test` installs them")
    done = subprocess.run(
        ["npm", "test", "--silent", "--workspace", "clients/typescript"],
        cwd=ROOT,
        check=False,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr

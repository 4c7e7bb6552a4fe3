"""The committed code is what the protos give."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "python"
PYTHON = ROOT / ".venv-tools" / "bin" / "python"


def test_generated_code_is_in_sync(tmp_path: Path) -> None:
    if not PYTHON.exists():
        pytest.fail("the generator is not installed: `make test` installs it")
    subprocess.run([PYTHON, ROOT / "tools" / "generate.py", "--out", tmp_path], check=True)

    fresh = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.py*")}
    committed = {path.relative_to(CLIENT) for path in CLIENT.rglob("*_pb2*.py*")}
    committed = {path for path in committed if path.suffix in {".py", ".pyi"}}
    drifted = {
        path
        for path in fresh.keys() | committed
        if not (CLIENT / path).exists() or (CLIENT / path).read_bytes() != fresh.get(path)
    }
    assert sorted(map(str, drifted)) == [], "run `make generate` and commit what it changes"

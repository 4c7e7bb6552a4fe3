"""The committed code is what the protos give."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "clients"
PYTHON = ROOT / ".venv-tools" / "bin" / "python"
PLUGIN = CLIENTS.parent / "node_modules" / ".bin" / "protoc-gen-es"


def test_generated_code_is_in_sync(tmp_path: Path) -> None:
    if not (PYTHON.exists() and PLUGIN.exists()):
        pytest.fail("the generators are not installed: `make test` installs them")
    subprocess.run([PYTHON, ROOT / "tools" / "generate.py", "--out", tmp_path], check=True)

    fresh = {path.relative_to(tmp_path): path.read_bytes() for path in files(tmp_path)}
    committed = set(generated(CLIENTS))
    drifted = {
        path
        for path in fresh.keys() | committed
        if not (CLIENTS / path).exists() or (CLIENTS / path).read_bytes() != fresh.get(path)
    }
    assert sorted(map(str, drifted)) == [], "run `make generate` and commit what it changes"


def generated(clients: Path) -> Iterator[Path]:
    """Name what the generators wrote, but for the packages' ``__init__.py``."""
    for path in files(clients / "python"):
        if "_pb2" in path.name and path.suffix in {".py", ".pyi"}:
            yield path.relative_to(clients)
    for path in files(clients / "typescript" / "src" / "gen"):
        yield path.relative_to(clients)


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())

"""The page that the gateway serves is the one that its sources make, and it is small."""

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest

from convoy_gateway.rest.application import PAGES

SOURCES = Path(__file__).parents[3] / "gateway" / "playground"
MOST = 200_000
"""Bytes of the page as a browser loads it, compressed."""


def test_the_page_is_that_of_its_sources(tmp_path: Path) -> None:
    node = shutil.which("node")
    if not node:
        pytest.fail("there is no Node: see the README")
    build = [node, SOURCES / "build.mjs", tmp_path]
    made = subprocess.run(build, capture_output=True, text=True, timeout=100, check=False)
    assert made.returncode == 0, made.stderr
    assert {file.name for file in PAGES.iterdir()} == {file.name for file in tmp_path.iterdir()}
    for file in tmp_path.iterdir():
        assert file.read_bytes() == (PAGES / file.name).read_bytes(), f"{file.name}: run make page"


def test_the_page_is_small() -> None:
    loaded = [file for file in PAGES.iterdir() if file.suffix in {".html", ".js", ".css"}]
    assert len(loaded) == 3
    assert sum(len(gzip.compress(file.read_bytes(), 6)) for file in loaded) < MOST

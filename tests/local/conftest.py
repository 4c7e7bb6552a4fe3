"""Meshes of the tests' own, which are started, struck, updated and ended."""

from tests.mesh.conftest import leaks as leaks

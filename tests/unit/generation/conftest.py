"""The model that the tests of generation share."""

from pathlib import Path

import pytest

from tests.models import causal


@pytest.fixture(scope="session")
def causal_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a tiny language model; read only."""
    return causal.make(tmp_path_factory.mktemp("models") / "causal")

"""The models that the tests of captioning share."""

from pathlib import Path

import pytest
import torch

from tests.models import vision


@pytest.fixture(scope="session")
def chat_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a tiny model that chats about images; read only."""
    return vision.make(tmp_path_factory.mktemp("models") / "chat", "chat")


@pytest.fixture(scope="session")
def plain_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a tiny model that goes on with a caption; read only."""
    return vision.make(tmp_path_factory.mktemp("models") / "plain", "plain")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Models so small are thirty times slower where threads wait for each other."""
    torch.set_num_threads(1)

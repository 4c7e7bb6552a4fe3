"""A small simulated log and what was trained on it, made once."""

from pathlib import Path

import numpy as np
import pytest
import torch

from convoy_services.recommendation.model.users import Users
from convoy_services.recommendation.training.log import Data
from convoy_services.recommendation.training.readers import read
from convoy_services.recommendation.training.simulator import simulate
from convoy_services.recommendation.training.train import train
from convoy_services.recommendation.training.truth import Truth


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated")
    sum(simulate(folder, users=200, items=300, impressions=8000, days=14, seed=0))
    return folder


@pytest.fixture(scope="session")
def log(simulated: Path) -> Data:
    return read(simulated)


@pytest.fixture(scope="session")
def version(simulated: Path, log: Data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a trained version."""
    threads = torch.get_num_threads()
    out = tmp_path_factory.mktemp("repository")
    made = train(log, out, quick=True, truth=Truth.load(simulated))
    torch.set_num_threads(threads)
    return made


@pytest.fixture
def users(log: Data) -> Users:
    """Give three users: one known with a past, one without a name, one that nothing is known of."""
    past = log.log.item[log.log.click & (log.log.user == 1)][::-1]
    unknown = np.array([10**12])
    return Users(
        user=np.array([1, 0, 0]),
        past=np.concatenate([past, unknown, past[:3]]),
        past_dwell=np.ones(len(past) + 4, np.float32),
        past_splits=np.array([0, len(past), len(past) + 4, len(past) + 4]),
        context=np.array([5, 9, 5]),
        context_weight=np.ones(3, np.float32),
        context_splits=np.array([0, 2, 3, 3]),
    )

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from convoy_services.recommendation.store import FeatureStore, open_store
from tests.redis_server import WITHIN, RedisServer

Open = Callable[..., FeatureStore]


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    # pytest's folders are too long for a socket's path
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        yield server


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A server of the test's own, which it may kill."""
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        yield server


@pytest.fixture(params=["sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'features.db'}"
    server: RedisServer = request.getfixturevalue("shared_redis")
    server.clear()
    return server.url


@pytest.fixture
def open_one(url: str) -> Iterator[Open]:
    """Opens the same store each time it is called."""
    stores: list[FeatureStore] = []

    def open_one(**settings: float) -> FeatureStore:
        stores.append(open_store(url, timeout=WITHIN, **settings))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture
def store(open_one: Open) -> FeatureStore:
    return open_one()

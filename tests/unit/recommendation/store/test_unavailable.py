"""Stores that fail, say so, and come back."""

import os
import resource
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest
import redis

from convoy_services.recommendation.store import FeatureStore, StoreUnavailable, open_store
from convoy_services.recommendation.store.redis import RedisStore
from convoy_services.recommendation.store.sqlite import SqliteStore
from tests.redis_server import WITHIN, RedisServer
from tests.unit.recommendation.store.model import clicked, columns, seen

ONE = np.array([1], np.int64)
CALLS: dict[str, Callable[[FeatureStore], object]] = {
    "record": lambda store: store.record(columns([clicked(1, 10, 1)])),
    "histories": lambda store: store.histories(ONE, 50),
    "popular": lambda store: store.popular(0, 5),
    "put_users": lambda store: store.put_users(ONE, [["country=de"]]),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "features.db"


def refused(store: FeatureStore, call: str, message: str) -> None:
    """Expect a call to fail with just this message: no path, no address."""
    with pytest.raises(StoreUnavailable) as caught:
        CALLS[call](store)
    assert str(caught.value) == message


@pytest.mark.parametrize("call", CALLS)
def test_a_file_that_is_gone_is_told_until_it_is_back(file: Path, call: str) -> None:
    """SQLite itself would go on with a file that nobody finds."""
    with SqliteStore(file, timeout=WITHIN) as store:
        CALLS["record"](store)
        away = file.rename(file.with_name("away.db"))
        for _ in range(2):
            refused(store, call, "the file of the feature store is gone")
        assert not file.exists()
        away.rename(file)
        CALLS[call](store)
        assert seen(store.histories(ONE, 50), 0) == [10]


@pytest.mark.parametrize("call", ["record", "put_users"])
def test_a_lock_that_is_held_too_long_is_told(file: Path, call: str) -> None:
    with SqliteStore(file, timeout=0.05) as store, closing(sqlite3.connect(file)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused(store, call, "the feature store is locked")
        assert seen(store.histories(ONE, 50), 0) == []
        other.rollback()
        CALLS[call](store)


def test_a_full_disk_is_told_and_takes_the_whole_batch_back(file: Path) -> None:
    _, hard = before = resource.getrlimit(resource.RLIMIT_FSIZE)
    batch = columns(clicked(user, 20, user) for user in range(1, 5_000))
    with SqliteStore(file, timeout=WITHIN) as store:
        CALLS["record"](store)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
        try:
            with pytest.raises(StoreUnavailable, match=r"^the disk of the feature store "):
                store.record(batch)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert store.popular(0, 5)[0].tolist() == [10]
        store.record(batch)
        assert store.popular(0, 5)[0].tolist() == [20, 10]


@pytest.mark.parametrize("call", CALLS)
def test_a_damaged_file_is_told(file: Path, call: str) -> None:
    with SqliteStore(file, timeout=WITHIN) as store:
        store.close()
        file.write_bytes(b"no database" * 1_000)
        refused(store, call, "the file of the feature store is damaged")


def test_a_file_that_is_no_database_cannot_be_opened(file: Path) -> None:
    file.write_text("no database" * 1_000)
    with pytest.raises(StoreUnavailable, match="damaged"):
        SqliteStore(file, timeout=WITHIN)


def test_a_folder_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"folder of the feature store is missing: .*nowhere"):
        open_store(f"sqlite:///{tmp_path}/nowhere/features.db")


def test_a_relative_path_is_meant_from_where_the_process_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    open_store("sqlite:///some features?.db").close()
    assert (tmp_path / "some features?.db").exists()


def test_a_file_of_another_version_is_refused(file: Path) -> None:
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA user_version = 7")
    with pytest.raises(ValueError, match="is of version 7, this is version 1"):
        SqliteStore(file, timeout=WITHIN)


@pytest.mark.parametrize("call", CALLS)
def test_a_server_that_is_down_is_told_until_it_is_back(
    redis_server: RedisServer, call: str
) -> None:
    with RedisStore(redis_server.url, timeout=WITHIN) as store:
        CALLS["record"](store)
        redis_server.kill()
        for _ in range(2):
            refused(store, call, "the feature store does not answer")
        redis_server.start()
        CALLS[call](store)
        assert seen(store.histories(ONE, 50), 0) == [10]


def test_a_server_may_come_after_the_store(redis_server: RedisServer) -> None:
    redis_server.kill()
    with RedisStore(redis_server.url, timeout=WITHIN) as store:
        refused(store, "record", "the feature store does not answer")
        redis_server.start()
        CALLS["record"](store)


@pytest.mark.parametrize("call", CALLS)
def test_a_server_that_hangs_is_too_late(redis_server: RedisServer, call: str) -> None:
    assert redis_server.process
    deadline = time.monotonic() + WITHIN
    with RedisStore(redis_server.url, timeout=0.2) as store:
        os.kill(redis_server.process.pid, signal.SIGSTOP)
        try:
            refused(store, call, "the feature store is too late")
        finally:
            os.kill(redis_server.process.pid, signal.SIGCONT)
        while True:  # what comes too late must not be taken for the next answer
            with suppress(StoreUnavailable):
                assert store.histories(ONE, 50).splits.tolist() in ([0, 0], [0, 1])
                break
            assert time.monotonic() < deadline


def test_a_server_that_is_full_is_told(redis_server: RedisServer) -> None:
    with RedisStore(redis_server.url, timeout=WITHIN) as store:
        with redis.Redis(unix_socket_path=str(redis_server.socket)) as client:
            client.config_set("maxmemory", 1)
        refused(store, "record", "the feature store is full")
        refused(store, "put_users", "the feature store is full")
        assert seen(store.histories(ONE, 50), 0) == []


def test_a_server_of_another_version_is_refused(redis_server: RedisServer) -> None:
    with redis.Redis(unix_socket_path=str(redis_server.socket)) as client:
        client.hset("convoy:features:settings", mapping={"version": "7", "half_life": "1.0"})
    with pytest.raises(ValueError, match="is of version 7, this is version 1"):
        RedisStore(redis_server.url, timeout=WITHIN)


def test_no_password_is_told(redis_server: RedisServer) -> None:
    url = f"unix://user:secret@{redis_server.socket}"
    with RedisStore(url, timeout=WITHIN) as store:
        refused(store, "record", "the feature store does not answer")

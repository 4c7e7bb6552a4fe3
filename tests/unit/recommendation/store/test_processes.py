"""Stores that several processes use, and that die."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from convoy_services.recommendation.store import FeatureStore, StoreUnavailable, open_store
from tests.redis_server import WITHIN, RedisServer
from tests.unit.recommendation.store.conftest import Open
from tests.unit.recommendation.store.model import clicked, columns, history

FOREVER = 1_000_000
ROOT = Path(__file__).parents[4]


@contextmanager
def writing(url: str, writer: int = 1, events: int = FOREVER) -> Iterator[subprocess.Popen[str]]:
    """Run a process that records until it is killed."""
    arguments = [url, *map(str, (writer, events, WITHIN))]
    command = [sys.executable, "-m", "tests.unit.recommendation.store.child", *arguments]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    deadline = threading.Timer(WITHIN, child.kill)  # ends the wait for a line, too
    deadline.start()
    try:
        yield child
    finally:
        deadline.cancel()
        child.kill()
        child.communicate()


def told(child: subprocess.Popen[str]) -> int:
    """Give the number of the next event that was recorded."""
    assert child.stdout
    line = child.stdout.readline()
    assert line, "the writer is gone"
    return int(line)


def items(store: FeatureStore, user: int = 1) -> list[int]:
    """What the user clicked, oldest first."""
    told = store.histories(np.array([user], np.int64), FOREVER)
    return [item for item, _, _ in reversed(history(told, 0))]


def test_a_sigkill_loses_nothing_that_was_recorded(url: str) -> None:
    with writing(url) as child:
        while told(child) < 50:
            pass
        child.kill()
        assert child.stdout
        recorded = [50, *map(int, child.stdout)][-1]
    with open_store(url, timeout=WITHIN) as store:
        found = items(store)
        assert found in (list(range(1, recorded + 1)), list(range(1, recorded + 2)))
        assert len(store.popular(0, FOREVER)[0]) == len(found)


def test_a_sigkill_of_redis_loses_nothing_that_was_recorded(redis_server: RedisServer) -> None:
    with open_store(redis_server.url, timeout=WITHIN) as store:
        for n in range(1, 51):
            store.record(columns([clicked(1, n, n)]))
        redis_server.kill()
        with pytest.raises(StoreUnavailable, match="does not answer"):
            store.record(columns([clicked(1, 51, 51)]))
        redis_server.start()
        assert items(store) == list(range(1, 51))


def test_a_reader_beside_a_writer_sees_all_that_was_recorded(url: str, store: FeatureStore) -> None:
    with writing(url) as child:
        for _ in range(100):
            recorded = told(child)
            found = items(store)
            assert found == list(range(1, len(found) + 1))
            assert len(found) >= recorded


def test_writers_beside_each_other_lose_no_event(url: str, open_one: Open) -> None:
    with writing(url, 1, 30) as one, writing(url, 2, 30) as two:
        for child in (one, two):
            while told(child) < 30:
                pass
            assert child.wait(WITHIN) == 0
    store = open_one()
    assert [items(store, writer) for writer in (1, 2)] == [list(range(1, 31))] * 2
    (weights,) = set(store.popular(0, 30)[1].round(5).tolist())
    assert weights == pytest.approx(2, rel=1e-3)


def test_many_make_the_same_file_at_once(tmp_path: Path) -> None:
    """A few in a hundred met a lock: SQLite does not wait where two turn the log on at once."""
    together = threading.Barrier(6)

    def make(folder: int) -> None:
        together.wait(WITHIN)
        open_store(f"sqlite:///{tmp_path}/{folder}.db", timeout=WITHIN).close()

    with ThreadPoolExecutor(6) as makers:
        for made in [makers.submit(make, n // 6) for n in range(40 * 6)]:
            made.result()

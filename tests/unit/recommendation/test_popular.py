"""What is popular: the clicks of the log, and those since."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from convoy import Batch
from convoy_services.recommendation import RecallPopular, popular
from convoy_services.recommendation.model.catalogue import Catalogue
from convoy_services.recommendation.store import Events, Kind, open_store

NOW = time.time_ns() // 1000


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[RecallPopular]:
    Catalogue(
        ids=np.array([10, 20, 30, 40]),
        categories=["all"],
        category=np.zeros(4, np.int32),
        uploaded=np.zeros(4, np.int64),
        seconds=np.ones(4, np.float32),
        clicks=np.array([1.0, 3.0, 0.0, 2.0], np.float32),
    ).save(tmp_path)
    stage = RecallPopular(model=str(tmp_path), store=f"sqlite:///{tmp_path}/events.db", most=3)
    stage.folder = tmp_path
    stage.load()
    yield stage
    stage.close()


def clicked(folder: Path, *items: int) -> None:
    with open_store(f"sqlite:///{folder}/events.db") as store:
        store.record(
            Events(
                user=np.arange(len(items)) + 1,
                item=np.array(items),
                kind=np.full(len(items), Kind.CLICK, np.uint8),
                seconds=np.zeros(len(items), np.float32),
                time=np.full(len(items), NOW),
            )
        )


def asked(stage: RecallPopular, rows: int = 1) -> Batch:
    return stage.process(stage.consumes.pack(rows=rows, user=np.zeros(rows, np.int64)))


def test_without_events_it_is_the_order_of_the_log_for_every_row(stage: RecallPopular) -> None:
    result = asked(stage, rows=2)
    assert result["items"].tolist() == [[20, 40, 10]] * 2
    assert result["scores"].tolist() == [[3.0, 2.0, 1.0]] * 2


def test_clicks_since_count_but_for_those_of_items_that_there_are_not(
    stage: RecallPopular, tmp_path: Path
) -> None:
    """An id that callers made up was recommended to everybody."""
    clicked(tmp_path, 40, 40, 40, 99, 99, 99, 99, 99)
    result = asked(stage)
    assert result["items"].tolist() == [[40, 20, 10]]
    assert result["scores"].tolist()[0] == pytest.approx([5.0, 3.0, 1.0], rel=1e-3)
    assert not result.degradations


def test_the_list_is_read_once_a_second(
    stage: RecallPopular, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = asked(stage)["items"].tolist()
    clicked(tmp_path, *[30] * 9)
    assert asked(stage)["items"].tolist() == first
    now = time.monotonic()
    monkeypatch.setattr(popular.time, "monotonic", lambda: now + popular.FRESH)
    assert asked(stage)["items"].tolist()[0][0] == 30


def test_without_its_store_the_log_stands_and_every_row_is_degraded(
    stage: RecallPopular, tmp_path: Path
) -> None:
    clicked(tmp_path, 30)
    (tmp_path / "events.db").rename(tmp_path / "away.db")
    result = asked(stage, rows=2)
    assert result["items"].tolist() == [[20, 40, 10]] * 2
    assert [(d.reason, d.rows) for d in result.degradations] == [("STORE_UNAVAILABLE", (0, 1))]

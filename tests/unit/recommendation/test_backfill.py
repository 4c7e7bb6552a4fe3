"""A log in a feature store: its users have their histories."""

from pathlib import Path

import numpy as np

from convoy_services.recommendation.store import open_store
from convoy_services.recommendation.training.backfill import backfill
from convoy_services.recommendation.training.log import Log


def test_users_of_the_log_have_their_clicks_as_past_and_all_that_was_shown_as_seen(
    tmp_path: Path,
) -> None:
    log = Log(
        user=np.array([3, 3, 3, 4, 0]),
        item=np.array([10, 11, 12, 10, 10]),
        time=np.arange(5) + 1_700_000_000,
        click=np.array([True, False, True, True, True]),
        dwell=np.array([5.0, 0.0, 0.0, 2.5, 1.0], np.float32),
        position=np.zeros(5, np.int16),
        device=np.array([""] * 5),
    )
    with open_store(f"sqlite:///{tmp_path}/events.db") as store:
        for _ in range(2):  # the same again changes nothing
            assert sum(backfill(log, store)) == 5
        told = store.histories(np.array([3, 4]), 10)
    assert told.items.tolist() == [12, 10, 10]
    assert told.seconds.tolist() == [0.0, 5.0, 2.5]
    assert told.splits.tolist() == [0, 2, 3]
    assert told.seen.tolist() == [12, 11, 10, 10]

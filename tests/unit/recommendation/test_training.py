"""The whole: simulate, train, evaluate."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from convoy_services.recommendation.model.version import Card
from convoy_services.recommendation.training.history import History
from convoy_services.recommendation.training.log import DAY, Data, DataError
from convoy_services.recommendation.training.metrics import auc, ece, ndcg
from convoy_services.recommendation.training.sessions import Sessions, catalogue, counts
from convoy_services.recommendation.training.simulator import simulate
from convoy_services.recommendation.training.split import split
from convoy_services.recommendation.training.train import train
from convoy_services.recommendation.training.truth import Truth


def test_the_same_seed_simulates_the_same_bytes(simulated: Path, tmp_path: Path) -> None:
    for name, seed in (("same", 0), ("other", 1)):
        sum(simulate(tmp_path / name, users=200, items=300, impressions=8000, days=14, seed=seed))
    log = "log_simulated.csv"
    assert (tmp_path / "same" / log).read_bytes() == (simulated / log).read_bytes()
    assert (tmp_path / "other" / log).read_bytes() != (simulated / log).read_bytes()


def test_what_is_simulated_follows_its_truth(simulated: Path, log: Data) -> None:
    true, seen = Truth.load(simulated), log.log
    item = seen.item - 1
    assert (true.uploaded[item] <= seen.time).all()
    affinity = true.affinity(seen.user - 1, item)
    p = true.click(affinity, item, seen.time, seen.device, seen.position.astype(np.int64))
    assert abs(p.mean() - seen.click.mean()) < 0.02
    expected = true.dwell(affinity, item)[seen.click]
    assert abs(np.log(expected.mean() / seen.dwell[seen.click].mean())) < 0.1
    assert not seen.dwell[~seen.click].any()


def test_what_is_trained_beats_popularity(version: Path) -> None:
    metrics = Card.load(version).metrics
    of_ten = metrics["NDCG@10"]
    assert of_ten["oracle"] == 1
    assert of_ten["model"] > 1.2 * of_ten["popularity"] > of_ten["random"]
    assert "NDCG@10" in (version / "README.md").read_text()


def test_the_same_seed_trains_the_same_models(
    version: Path, simulated: Path, log: Data, tmp_path: Path
) -> None:
    threads = torch.get_num_threads()
    again = train(log, tmp_path, quick=True, truth=Truth.load(simulated))
    torch.set_num_threads(threads)
    one, other = Card.load(version), Card.load(again)
    assert replace(one, date="") == replace(other, date="")


def test_a_log_of_one_day_is_too_short(log: Data, tmp_path: Path) -> None:
    day = log.log.time // DAY == log.log.time.min() // DAY
    with pytest.raises(DataError, match="before the last days"):
        train(replace(log, log=log.log.take(day)), tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_past_holds_the_clicks_before_the_moment_the_newest_first(log: Data) -> None:
    clicks = log.log.take(log.log.click & (log.log.user == 1))
    assert (np.diff(clicks.time) >= 0).all()
    moment = int(clicks.time[-1])
    earlier = clicks.item[clicks.time < moment]
    asked = np.array([1, 10**9]), np.array([moment, moment]), np.array(["phone", ""])
    given = History(log.log).users(*asked)
    assert given.past_splits.tolist() == [0, len(earlier), len(earlier)]
    assert sorted(given.past.tolist()) == sorted(earlier.tolist())
    assert given.past[-1] in clicks.item[clicks.time == clicks.time[0]]
    assert np.diff(given.context_splits).tolist() == [3, 2]


def test_a_request_is_told_only_of_what_was_before_it(log: Data) -> None:
    known = catalogue(log.log, log.things, int(log.log.time.max()) + 1)
    sessions = Sessions(log.log, History(log.log), known)
    assert sum(len(sessions.piece(np.array([n])).item) for n in range(len(sessions))) == 8000
    first = int(np.argmin(sessions.time))
    piece = sessions.piece(np.array([first]))
    assert len(piece.users.past) == 0
    assert len(np.unique(piece.numbers[:, 0])) == 1


def test_counts_are_halved_every_week(log: Data) -> None:
    first = log.log.take(np.arange(1))
    known = catalogue(log.log, log.things, int(first.time[0]))
    now = counts(first, known, int(first.time[0]) + 1).shown.sum()
    later = counts(first, known, int(first.time[0]) + 7 * DAY).shown.sum()
    np.testing.assert_allclose([now, later], [1, 0.5], rtol=1e-4)


def test_later_days_and_held_out_users_are_kept_apart(log: Data) -> None:
    parts = split(log.log, 0)
    begin = int(log.log.time.min()) // DAY
    assert (parts.later // DAY - begin, parts.calibrated // DAY - begin) == (12, 11)
    assert len(parts.held_out) == 20
    assert split(log.log, 0).held_out.tolist() == parts.held_out.tolist()


def test_metrics_are_what_they_are_by_hand() -> None:
    click = np.array([False, True, False, True])
    assert auc(np.array([0.1, 0.2, 0.3, 0.4]), click) == 0.75
    assert auc(np.zeros(4), click) == 0.5
    assert ece(np.array([0.0, 0.0, 1.0, 1.0]), click, bins=2) == 0.5
    assert ndcg(np.array([2.0, 0.0]), np.array([1.0, 2.0])) == pytest.approx(0.76018, abs=1e-4)

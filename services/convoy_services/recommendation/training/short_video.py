"""A short-video log in KuaiRand's layout (https://kuairand.com): clicks and play times.

Files: every ``log_*.csv`` and one ``video_features_basic*.csv``. A tab, the page of the app on
which a video was shown, stands for the device where no column ``device`` tells it; KuaiRand tells
no positions, but a column ``position`` is read where there is one.
"""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from convoy_services.recommendation.training.columns import Columns, digest
from convoy_services.recommendation.training.log import Data, DataError, Log, Things, data

NEEDED = ["user_id", "video_id", "time_ms", "is_click", "play_time_ms", "tab"]
ABOUT = ["video_id", "upload_dt", "video_duration", "tag"]


def found(folder: Path) -> bool:
    """Tell whether a folder has this layout."""
    return bool(_logs(folder) and _features(folder))


def read(folder: Path) -> Data:
    """Read all logs and the videos' features; raises DataError."""
    files, features = _logs(folder), _features(folder)
    if len(features) != 1:
        raise DataError(f"{folder}: there are {len(features)} video_features_basic*.csv, not one")
    parts = [_log(Columns(file, NEEDED, ["position", "device"])) for file in files]
    joined = Log(
        user=np.concatenate([part.user for part in parts]),
        item=np.concatenate([part.item for part in parts]),
        time=np.concatenate([part.time for part in parts]),
        click=np.concatenate([part.click for part in parts]),
        dwell=np.concatenate([part.dwell for part in parts]),
        position=np.concatenate([part.position for part in parts]),
        device=np.concatenate([part.device for part in parts]),
    )
    things = _things(Columns(features[0], ABOUT, ["title"]))
    return data(f"short video {folder.name}", joined, things, digest([*files, *features]))


def _logs(folder: Path) -> list[Path]:
    return sorted(folder.glob("log_*.csv"))


def _features(folder: Path) -> list[Path]:
    return sorted(folder.glob("video_features_basic*.csv"))


def _log(table: Columns) -> Log:
    count = len(table)
    clicks = table.integers("is_click")
    wrong = np.flatnonzero((clicks != 0) & (clicks != 1))
    if len(wrong):
        raise table.fault("is_click", int(wrong[0]), "0 or 1")
    position = table.integers("position") if "position" in table else np.full(count, -1)
    device = table.texts("device") if "device" in table else table.texts("tab")
    return Log(
        user=table.integers("user_id"),
        item=table.integers("video_id"),
        time=table.integers("time_ms") // 1000,
        click=clicks == 1,
        dwell=(table.amounts("play_time_ms") / 1000).astype(np.float32),
        position=np.clip(position, -1, np.iinfo(np.int16).max).astype(np.int16),
        device=np.array(device, dtype=np.str_),
    )


def _things(table: Columns) -> Things:
    days = table.texts("upload_dt")
    uploaded = np.zeros(len(days), np.int64)
    for row, day in enumerate(days):
        try:
            moment = datetime.fromisoformat(day)
        except ValueError:
            raise table.fault("upload_dt", row, "a date") from None
        uploaded[row] = int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
    return Things(
        ids=table.integers("video_id"),
        category=[text.split(",")[0] for text in table.texts("tag")],
        uploaded=uploaded,
        seconds=(table.amounts("video_duration", missing=0) / 1000).astype(np.float32),
        title=table.texts("title") if "title" in table else [],
    )

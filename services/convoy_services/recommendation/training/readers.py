"""Which reader reads a folder."""

from pathlib import Path

from convoy_services.recommendation.training import movielens, short_video, table
from convoy_services.recommendation.training.log import Data, DataError


def read(folder: Path, columns: Path | None = None) -> Data:
    """Read a folder by its layout, or by a map of its columns; raises DataError."""
    if columns:
        return table.read(folder, columns)
    if movielens.found(folder):
        return movielens.read(folder)
    if short_video.found(folder):
        return short_video.read(folder)
    raise DataError(
        f"{folder} holds neither ratings.csv and movies.csv (MovieLens) nor log_*.csv and"
        " video_features_basic*.csv (KuaiRand); for another layout give --columns"
    )

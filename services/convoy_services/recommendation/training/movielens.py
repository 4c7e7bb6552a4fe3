"""MovieLens' layout (https://grouplens.org/datasets/movielens/): ratings.csv and movies.csv.

Every rating is an impression, a rating of 4 or more a click. There are no play times, no positions,
and no upload times: a movie counts as uploaded when it was first rated.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from convoy.tensor import Index
from convoy_services.recommendation.training.columns import Columns, digest
from convoy_services.recommendation.training.log import Data, Log, Things, data

LIKED = 4.0


def found(folder: Path) -> bool:
    """Tell whether a folder has this layout."""
    return (folder / "ratings.csv").is_file() and (folder / "movies.csv").is_file()


def read(folder: Path) -> Data:
    """Read both files; raises DataError."""
    ratings = Columns(folder / "ratings.csv", ["userId", "movieId", "rating", "timestamp"])
    movies = Columns(folder / "movies.csv", ["movieId", "title", "genres"])
    count = len(ratings)
    log = Log(
        user=ratings.integers("userId"),
        item=ratings.integers("movieId"),
        time=ratings.integers("timestamp"),
        click=ratings.amounts("rating") >= LIKED,
        dwell=np.zeros(count, np.float32),
        position=np.full(count, -1, np.int16),
        device=np.full(count, ""),
    )
    ids = movies.integers("movieId")
    genres = [text.split("|")[0] for text in movies.texts("genres")]
    things = Things(
        ids=ids,
        category=["" if genre.startswith("(") else genre for genre in genres],
        uploaded=_first(ids, log),
        seconds=np.zeros(len(ids), np.float32),
        title=movies.texts("title"),
    )
    read = data(f"movielens {folder.name}", log, things, digest([ratings.file, movies.file]))
    return replace(read, shown=False)


def _first(ids: Index, log: Log) -> Index:
    """Give when each item was first seen; the log's begin where it never was."""
    items, where = np.unique(log.item, return_inverse=True)
    first = np.full(len(items) + 1, log.time.min() if len(log) else 0)
    first[:-1] = np.iinfo(np.int64).max
    np.minimum.at(first, where, log.time)
    places = np.searchsorted(items, ids)
    seen = np.isin(ids, items)
    return np.where(seen, first[np.where(seen, places, -1)], first[-1])

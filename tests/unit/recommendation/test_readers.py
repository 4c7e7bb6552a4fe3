"""The readers on files small enough to see through; what is wrong is named by file and place."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]
import pytest

from convoy_services.recommendation.training.log import DataError
from convoy_services.recommendation.training.readers import read

RATINGS = "userId,movieId,rating,timestamp\n1,10,5.0,200\n2,20,3.5,100\n"
MOVIES = (
    'movieId,title,genres\n20,"Heat, the (1995)",Crime|Drama\n10,Up,(no genres listed)\n30,X,War\n'
)
LOG = "user_id,video_id,time_ms,is_click,play_time_ms,duration_ms,tab\n7,1,5000,1,2500,9000,4\n"
VIDEOS = 'video_id,upload_dt,video_duration,tag\n1,2022-04-01,9000,"12,3"\n2,2022-04-02,,\n'
MAP = """
log: log.parquet
items: items.csv
milliseconds: true
columns: {user: u, item: i, time: t, click: c, dwell: w}
item_columns: {id: i, category: g}
"""


def files(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def test_ratings_of_four_and_more_are_clicks(tmp_path: Path) -> None:
    data = read(files(tmp_path, ratings=RATINGS, movies=MOVIES))
    assert data.log.user.tolist() == [2, 1]
    assert data.log.click.tolist() == [False, True]
    assert not data.log.timed
    assert not data.shown
    assert data.things.ids.tolist() == [10, 20, 30]
    assert data.things.category == ["", "Crime", "War"]
    assert data.things.title == ["Up", "Heat, the (1995)", "X"]
    assert data.things.uploaded.tolist() == [200, 100, 100]


def test_a_short_video_log_has_play_times_and_lengths(tmp_path: Path) -> None:
    data = read(files(tmp_path, log_standard=LOG, video_features_basic_pure=VIDEOS))
    assert data.log.time.tolist() == [5]
    assert data.log.dwell.tolist() == [2.5]
    assert data.log.position.tolist() == [-1]
    assert data.log.device.tolist() == ["4"]
    assert data.things.seconds.tolist() == [9, 0]
    assert data.things.category == ["12", ""]
    assert data.things.uploaded.tolist() == [1648771200, 1648857600]


def test_a_map_names_the_columns_of_any_other_table(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(MAP)
    columns = {"u": [1, 2], "i": [5, 5], "t": [9000, 8000], "c": [1, 0], "w": [1.5, 0]}

    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "log.parquet")
    files(tmp_path, items="i,g\n5,news\n")
    data = read(tmp_path, tmp_path / "map.yaml")
    assert data.log.time.tolist() == [8, 9]
    assert data.log.click.tolist() == [False, True]
    assert data.log.dwell.tolist() == [0, 1.5]
    assert data.things.category == ["news"]
    np.testing.assert_array_equal(data.things.uploaded, [8])


@pytest.mark.parametrize(
    ("ratings", "says"),
    [
        ("userId,movieId,rating\n1,10,5\n", "ratings.csv: there is no column 'timestamp'"),
        (RATINGS + "x,10,5,3\n", "ratings.csv, column 'userId', row 3: 'x' is not a whole number"),
        (RATINGS + "1,10,,3\n", "ratings.csv, column 'rating', row 3: None is not a number"),
        (RATINGS + "1,10,nan,3\n", "column 'rating', row 3: 'nan' is not a finite number"),
        (RATINGS + "1,10,-1,3\n", "column 'rating', row 3: '-1' is not a number that is not below"),
        (RATINGS + "1,99,5,3\n", "item 99 was shown and is not among the items"),
        (RATINGS + "1,10\n", "ratings.csv: CSV parse error: Row #4"),
        ("", "ratings.csv: "),
        ("userId,movieId,rating,timestamp\n", "the log is empty"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, ratings: str, says: str) -> None:
    with pytest.raises(DataError, match=re.escape(says)):
        read(files(tmp_path, ratings=ratings, movies=MOVIES))


def test_an_item_that_is_there_twice_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="item 10 is there twice"):
        read(files(tmp_path, ratings=RATINGS, movies=MOVIES + "10,Up,War\n"))


def test_a_click_that_is_no_flag_and_a_day_that_is_no_date_are_named(tmp_path: Path) -> None:
    files(tmp_path, log_a=LOG.replace("5000,1", "5000,2"), video_features_basic=VIDEOS)
    with pytest.raises(DataError, match=r"log_a\.csv, column 'is_click', row 1: '2' is not 0 or 1"):
        read(tmp_path)
    files(tmp_path, log_a=LOG, video_features_basic=VIDEOS.replace("2022-04-02", "soon"))
    with pytest.raises(DataError, match="column 'upload_dt', row 2: 'soon' is not a date"):
        read(tmp_path)


def test_a_map_with_an_unknown_name_is_refused_by_it(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(MAP.replace("dwell:", "watched:"))
    with pytest.raises(DataError, match=r"map\.yaml, columns\.watched"):
        read(tmp_path, tmp_path / "map.yaml")


def test_a_folder_of_no_known_layout_is_told_what_is_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"neither ratings\.csv"):
        read(tmp_path)

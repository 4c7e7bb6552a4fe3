"""What items are, and the file that keeps their titles."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from convoy import Batch
from convoy_services.recommendation import Items
from convoy_services.recommendation.model.catalogue import Catalogue
from convoy_services.recommendation.model.titles import FILE, Titles
from convoy_services.recommendation.training.log import Data
from convoy_services.recommendation.training.train import train

NO_ITEM = 10**12


def load(folder: Path) -> Items:
    stage = Items(model=str(folder.parent))
    stage.folder = folder
    stage.load()
    return stage


def told(stage: Items, *items: int) -> Batch:
    return stage.process(stage.consumes.pack(rows=len(items), item=items))


def test_items_are_what_the_log_says_of_them(version: Path, log: Data) -> None:
    rows = [7, 0, 299, 7]
    result = told(load(version), *log.things.ids[rows].tolist())
    assert result["known"].tolist() == [True] * 4
    assert result["title"].strings() == [log.things.title[row] for row in rows]
    assert result["category"].strings() == [log.things.category[row] for row in rows]
    np.testing.assert_array_equal(result["seconds"].array, log.things.seconds[rows])


def test_of_an_item_that_there_is_not_nothing_is_known(version: Path, log: Data) -> None:
    item = int(log.things.ids[3])
    result = told(load(version), NO_ITEM, item, -1)
    assert not result.failures
    assert result["known"].tolist() == [False, True, False]
    assert result["title"].strings() == ["", log.things.title[3], ""]
    assert result["category"].strings() == ["", log.things.category[3], ""]
    assert result["seconds"].tolist() == [0, log.things.seconds[3], 0]


def test_where_there_is_none_of_them_nothing_is_known(version: Path) -> None:
    result = told(load(version), NO_ITEM, NO_ITEM)
    assert result["known"].tolist() == [False, False]
    assert result["title"].strings() == ["", ""]


def test_a_version_without_titles_tells_the_rest(version: Path, log: Data, tmp_path: Path) -> None:
    """Those that were trained before there was such a file have none."""
    Catalogue.load(version).save(tmp_path)
    result = told(load(tmp_path), int(log.things.ids[5]), NO_ITEM)
    assert result["known"].tolist() == [True, False]
    assert result["title"].strings() == ["", ""]
    assert result["category"].strings() == [log.things.category[5], ""]


def test_a_log_without_titles_makes_a_version_without_their_file(
    version: Path, log: Data, tmp_path: Path
) -> None:
    threads = torch.get_num_threads()
    made = train(replace(log, things=replace(log.things, title=[])), tmp_path, quick=True)
    torch.set_num_threads(threads)
    assert {file.name for file in version.iterdir()} == {FILE, *(f.name for f in made.iterdir())}


def test_titles_are_kept_to_the_byte(tmp_path: Path) -> None:
    titles = ["", "Crème brûlée", "猫", "line\nbreak", "nul\0", " "]
    Titles.of(titles).save(tmp_path)
    assert Titles.load(tmp_path, len(titles)).texts.strings() == titles


@pytest.mark.parametrize("items", [1, 3])
def test_titles_of_other_items_are_refused_by_their_file(tmp_path: Path, items: int) -> None:
    Titles.of(["one", "two"]).save(tmp_path)
    with pytest.raises(ValueError, match=FILE):
        Titles.load(tmp_path, items)

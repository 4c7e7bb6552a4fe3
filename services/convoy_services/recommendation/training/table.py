"""Any log in Parquet or CSV, its columns named by a map in YAML.

    log: events.parquet          # files, relative to the folder of the data
    items: items.csv
    milliseconds: false          # whether times are in milliseconds, not seconds
    columns: {user: uid, item: vid, time: at, click: clicked, dwell: watched}
    item_columns: {id: vid, category: genre, seconds: length}

``user``, ``item``, ``time``, ``click`` and an item's ``id`` must be there; ``dwell`` (seconds),
``position`` (0 first) and ``device``, and an item's ``category``, ``uploaded`` (a time),
``seconds`` and ``title`` need not.
"""

from pathlib import Path

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from convoy_services.recommendation.training.columns import Columns, digest
from convoy_services.recommendation.training.log import Data, DataError, Log, Things, data


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LogColumns(_Strict):
    """What the log's columns are called."""

    user: str
    item: str
    time: str
    click: str
    dwell: str | None = None
    position: str | None = None
    device: str | None = None


class ItemColumns(_Strict):
    """What the items' columns are called."""

    id: str
    category: str | None = None
    uploaded: str | None = None
    seconds: str | None = None
    title: str | None = None


class Map(_Strict):
    """Where the columns are."""

    log: str
    items: str
    milliseconds: bool = False
    columns: LogColumns
    item_columns: ItemColumns


def read(folder: Path, columns: Path) -> Data:
    """Read the two files that a map names; raises DataError."""
    named = _map(columns)
    unit = 1000 if named.milliseconds else 1
    log = _log(folder / named.log, named.columns, unit)
    first = int(log.time.min()) if len(log) else 0
    things = _things(folder / named.items, named.item_columns, unit, first)
    sha256 = digest([columns, folder / named.log, folder / named.items])
    return data(f"table {folder.name}", log, things, sha256)


def _map(file: Path) -> Map:
    try:
        return Map.model_validate(yaml.safe_load(file.read_text()))
    except ValidationError as exc:
        wrong = exc.errors()[0]
        where = ".".join(map(str, wrong["loc"])) or "the file"
        raise DataError(f"{file}, {where}: {wrong['msg']}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise DataError(f"{file}: {exc}") from exc


def _log(file: Path, names: LogColumns, unit: int) -> Log:
    wanted = [names.user, names.item, names.time, names.click]
    table = Columns(file, [*wanted, *filter(None, (names.dwell, names.position, names.device))])
    count = len(table)
    position = table.integers(names.position) if names.position else np.full(count, -1)
    return Log(
        user=table.integers(names.user),
        item=table.integers(names.item),
        time=table.integers(names.time) // unit,
        click=table.numbers(names.click) > 0,
        dwell=(table.amounts(names.dwell) if names.dwell else np.zeros(count)).astype(np.float32),
        position=np.clip(position, -1, np.iinfo(np.int16).max).astype(np.int16),
        device=np.array(table.texts(names.device) if names.device else [""] * count, np.str_),
    )


def _things(file: Path, names: ItemColumns, unit: int, first: int) -> Things:
    optional = filter(None, (names.category, names.uploaded, names.seconds, names.title))
    table = Columns(file, [names.id, *optional])
    count = len(table)
    uploaded = table.integers(names.uploaded) // unit if names.uploaded else np.full(count, first)
    seconds = table.amounts(names.seconds, missing=0) if names.seconds else np.zeros(count)
    return Things(
        ids=table.integers(names.id),
        category=table.texts(names.category) if names.category else [""] * count,
        uploaded=uploaded,
        seconds=seconds.astype(np.float32),
        title=table.texts(names.title) if names.title else [],
    )

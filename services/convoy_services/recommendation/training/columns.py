"""Files with columns: CSV and Parquet, checked as they are read."""

from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.csv  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]
from numpy.typing import NDArray

from convoy.tensor import Index
from convoy_services.recommendation.training.log import DataError

ONE_THREAD = pyarrow.csv.ReadOptions(use_threads=False)
"""With more, errors do not tell the row."""


class Columns:
    """The columns of one file, by name; every fault is a DataError that says where."""

    def __init__(self, file: Path, wanted: list[str], optional: list[str] | None = None) -> None:
        """Read the columns ``wanted``, and those of ``optional`` that there are."""
        self.file = file
        try:
            names = _names(file)
            for name in wanted:
                if name not in names:
                    raise DataError(f"{file}: there is no column {name!r}")
            self._table = _read(file, [*wanted, *(n for n in optional or [] if n in names)])
        except (OSError, pa.ArrowException) as exc:
            raise DataError(f"{file}: {exc}") from exc

    def __contains__(self, name: str) -> bool:
        """Tell whether a column was read."""
        return name in self._table.column_names

    def __len__(self) -> int:
        """Count the rows."""
        return int(self._table.num_rows)

    def integers(self, name: str) -> Index:
        """Give a column as int64."""
        return self._cast(name, pa.int64(), "a whole number").astype(np.int64)

    def numbers(self, name: str, missing: float | None = None) -> NDArray[np.float64]:
        """Give a column as float64, all finite; what is not there is ``missing``, if given."""
        values = self._cast(name, pa.float64(), "a number", missing).astype(np.float64)
        wrong = np.flatnonzero(~np.isfinite(values))
        if len(wrong):
            raise self.fault(name, int(wrong[0]), "a finite number")
        return values

    def amounts(self, name: str, missing: float | None = None) -> NDArray[np.float64]:
        """Give a column as float64, none below 0; what is not there is ``missing``, if given."""
        values = self.numbers(name, missing)
        wrong = np.flatnonzero(values < 0)
        if len(wrong):
            raise self.fault(name, int(wrong[0]), "a number that is not below 0")
        return values

    def texts(self, name: str) -> list[str]:
        """Give a column as text; what is not there is empty."""
        texts: list[str] = self._table[name].cast(pa.string()).fill_null("").to_pylist()
        return texts

    def fault(self, name: str, row: int, wanted: str) -> DataError:
        """Make the error that says a value is not what is wanted; rows count from 0 here."""
        value = self._table[name][row].as_py()
        return DataError(f"{self.file}, column {name!r}, row {row + 1}: {value!r} is not {wanted}")

    def _cast(
        self, name: str, kind: Any, wanted: str, missing: float | None = None
    ) -> NDArray[Any]:
        column = self._table[name]
        if pa.types.is_string(column.type):
            column = pc.utf8_trim_whitespace(column)
        if column.null_count and missing is not None:
            column = column.fill_null(str(missing) if pa.types.is_string(column.type) else missing)
        if column.null_count:
            row = pc.index(pc.is_null(column), True).as_py()
            raise self.fault(name, row, wanted)
        try:
            return np.asarray(column.cast(kind))
        except pa.ArrowException:
            raise self.fault(name, _first_wrong(column, kind), wanted) from None


def digest(files: list[Path]) -> str:
    """Give the SHA-256 of some files' own, in order."""
    every = sha256()
    for file in files:
        with file.open("rb") as opened:
            every.update(file_digest(opened, "sha256").digest())
    return every.hexdigest()


def _names(file: Path) -> list[str]:
    if file.suffix == ".parquet":
        return list(pyarrow.parquet.read_schema(file).names)
    with pyarrow.csv.open_csv(file, read_options=ONE_THREAD) as opened:
        return list(opened.schema.names)


def _read(file: Path, columns: list[str]) -> Any:
    if file.suffix == ".parquet":
        return pyarrow.parquet.read_table(file, columns=columns)
    return pyarrow.csv.read_csv(
        file,
        read_options=ONE_THREAD,
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=columns,
            column_types=dict.fromkeys(columns, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
        ),
    )


def _first_wrong(column: Any, kind: Any) -> int:
    """Find the first value that cannot be cast, halving what is looked at."""
    start, end = 0, len(column)
    while end - start > 1:
        middle = (start + end) // 2
        try:
            column.slice(start, middle - start).cast(kind)
            start = middle
        except pa.ArrowException:
            end = middle
    return start

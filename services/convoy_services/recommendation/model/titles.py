"""The titles of the items that a version knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from zipfile import BadZipFile

import numpy as np

from convoy import Datatype, Tensor

FILE = "titles.npz"


@dataclass(frozen=True, slots=True)
class Titles:
    """One a row of the catalogue, empty where an item has none."""

    texts: Tensor
    """BYTES [], UTF-8: in memory they take their bytes, and no object each."""

    @classmethod
    def of(cls, titles: Sequence[str]) -> Self:
        """Take them in the catalogue's order."""
        return cls(Tensor.texts(titles))

    def save(self, folder: Path) -> None:
        """Write them into a version's folder."""
        assert self.texts.offsets is not None
        np.savez(folder / FILE, data=self.texts.data, offsets=self.texts.offsets)

    @classmethod
    def load(cls, folder: Path, items: int) -> Self:
        """Read those of a catalogue's items, all empty where the version has none.

        Raises OSError, ValueError.
        """
        if not (folder / FILE).exists():
            return cls(Tensor.zeros(items, Datatype.BYTES, ()))
        try:
            with np.load(folder / FILE) as file:
                data, offsets = file["data"], file["offsets"]
            texts = Tensor(datatype=Datatype.BYTES, rows=items, data=data, offsets=offsets)
            texts.check()
            texts.strings()
        except (BadZipFile, EOFError, KeyError, TypeError, ValueError) as exc:
            raise ValueError(f"{folder / FILE}, for {items} items: {exc}") from exc
        return cls(texts)

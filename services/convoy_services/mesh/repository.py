"""Where the versions of a model are: a folder with one in each of its sub-folders ``1``, ``2`` …

All processes of a mesh see the folder. A file in it names the version that is live: who starts
later begins with that.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from convoy import Code, ConvoyError

LIVE = "live"
"""The file."""


@dataclass(frozen=True, slots=True)
class Repository:
    """The versions in one folder."""

    folder: Path

    def versions(self) -> list[str]:
        """Name the versions, the oldest first; none where the folder cannot be read."""
        try:
            names = [entry.name for entry in self.folder.iterdir() if _is_version(entry.name)]
        except OSError:
            return []
        return sorted(names, key=int)

    def live(self) -> str:
        """Name the version that is live: the newest, until one was chosen.

        Raises FileNotFoundError where there is none.
        """
        versions = self.versions()
        if not versions:
            raise FileNotFoundError(f"there is no version of a model in {self.folder}")
        return self.chosen() or versions[-1]

    def chosen(self) -> str:
        """Name the version that was chosen; empty where none was, or it is not there."""
        try:
            chosen = (self.folder / LIVE).read_text().strip()
        except OSError:
            return ""
        return chosen if chosen in self.versions() else ""

    def find(self, version: str) -> str:
        """Give a version by its name, the newest for none; raises ConvoyError NOT_FOUND."""
        versions = self.versions()
        if version in versions or (not version and versions):
            return version or versions[-1]
        raise ConvoyError(
            Code.NOT_FOUND,
            f"there is no version {version[:16]!r}; there are: {', '.join(versions) or 'none'}",
            "VERSION_NOT_FOUND",
        )

    def choose(self, version: str) -> None:
        """Make a version live."""
        new = self.folder / f".{LIVE}.{os.getpid()}"
        new.write_text(f"{version}\n")
        new.replace(self.folder / LIVE)

    def __truediv__(self, version: str) -> Path:
        """Give the folder of a version."""
        return self.folder / version


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdigit() and not name.startswith("0")

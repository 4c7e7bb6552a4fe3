"""Features in a SQLite file."""

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from convoy_services.recommendation.store import popularity
from convoy_services.recommendation.store.events import Kind
from convoy_services.recommendation.store.histories import Index
from convoy_services.recommendation.store.popularity import NOTHING, Levels
from convoy_services.recommendation.store.store import (
    HALF_LIFE,
    KEPT,
    TIMEOUT,
    VERSION,
    FeatureStore,
    StoreUnavailable,
)
from convoy_services.recommendation.store.trail import RECORD, WIDTH, insert, unflip

SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS settings (half_life REAL NOT NULL);
CREATE TABLE IF NOT EXISTS trails (user INTEGER PRIMARY KEY, records BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS users (user INTEGER PRIMARY KEY, tags TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS items (item INTEGER PRIMARY KEY, level REAL NOT NULL);
CREATE INDEX IF NOT EXISTS items_by_level ON items (level DESC, item);
PRAGMA user_version = {VERSION};
COMMIT;
"""

READ = """
SELECT records, tags FROM json_each(?) AS asked
LEFT JOIN trails ON trails.user = asked.value
LEFT JOIN users ON users.user = asked.value
ORDER BY asked.key
"""
READ_LEVELS = """
SELECT level FROM json_each(?) AS asked
LEFT JOIN items ON items.item = asked.value
ORDER BY asked.key
"""
PUT_TRAIL = "INSERT INTO trails VALUES (?, ?) ON CONFLICT DO UPDATE SET records = excluded.records"
PUT_LEVEL = "INSERT INTO items VALUES (?, ?) ON CONFLICT DO UPDATE SET level = excluded.level"
PUT_TAGS = "INSERT INTO users VALUES (?, ?) ON CONFLICT DO UPDATE SET tags = excluded.tags"
TOP = "SELECT item, level FROM items ORDER BY level DESC, item LIMIT ?"

WAL_PAGES = 8_192
"""After how many pages the write-ahead log is brought into the file, which takes an fsync: a batch
of hundreds of events writes as many pages."""

WAL_BYTES = 64 << 20
"""What the write-ahead log is cut to after a burst."""
CACHE_KIB = 16 << 10

MESSAGES = {
    sqlite3.SQLITE_BUSY: "the feature store is locked",
    sqlite3.SQLITE_FULL: "the disk of the feature store is full",
    sqlite3.SQLITE_IOERR: "the disk of the feature store fails",
    sqlite3.SQLITE_CANTOPEN: "the file of the feature store is gone",
    sqlite3.SQLITE_READONLY: "the feature store cannot be written",
    sqlite3.SQLITE_CORRUPT: "the file of the feature store is damaged",
    sqlite3.SQLITE_NOTADB: "the file of the feature store is damaged",
}
"""What callers are told, by SQLite's primary result code."""


class SqliteStore(FeatureStore):
    """A file that processes of one machine share.

    A user's trail is one row, so that a batch reads one row a user however many events there are.

    The write-ahead log is handed to the kernel at each commit and brought to the disk now and
    then (``synchronous = NORMAL``): a SIGKILL loses nothing that was recorded, a power cut or
    a crash of the kernel may lose the last seconds, but damages nothing.
    https://www.sqlite.org/pragma.html#pragma_synchronous
    """

    def __init__(
        self,
        path: Path | str,
        *,
        kept: int = KEPT,
        half_life: float = HALF_LIFE,
        timeout: float = TIMEOUT,
    ) -> None:
        """Open or make the file; waits ``timeout`` seconds at most while others write.

        Raises ValueError where its folder is missing, and for a file of another version or with
        another half-life.
        """
        super().__init__(kept=kept, half_life=half_life)
        self._path = Path(path).absolute()
        self._timeout = timeout
        self._connection: sqlite3.Connection | None = None
        self._file = (0, 0)
        if not self._path.parent.is_dir():
            raise ValueError(f"the folder of the feature store is missing: {self._path.parent}")
        try:
            with self._work("rwc") as connection:
                self._prepare(connection)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def put_users(self, users: Index, tags: Sequence[Sequence[str]]) -> None:
        """Replace the tags of users, all or none."""
        texts = [json.dumps(list(some)) for some in tags]
        with self._work() as connection, _transaction(connection):
            connection.executemany(PUT_TAGS, zip(users.tolist(), texts, strict=True))

    def _add(self, records: dict[int, list[bytes]]) -> None:
        users = list(records)
        with self._work() as connection, _transaction(connection):
            found = connection.execute(READ, [json.dumps(users)]).fetchall()
            trails, new = [], []
            for user, (old, _) in zip(users, found, strict=True):
                trail = bytearray(old or b"")
                taken = [r for r in records[user] if insert(trail, r, self._kept)]
                if taken:
                    trails.append((user, trail))
                    new += taken
            connection.executemany(PUT_TRAIL, trails)
            self._count(connection, b"".join(new))

    def _count(self, connection: sqlite3.Connection, new: bytes) -> None:
        """Add clicks and watches to the levels of their items."""
        records = np.frombuffer(new, RECORD)
        records = records[records["kind"] != Kind.IMPRESSION]
        items, places = np.unique(unflip(records["item"]), return_inverse=True)
        found = connection.execute(READ_LEVELS, [json.dumps(items.tolist())])
        levels = np.array([NOTHING if level is None else level for (level,) in found], np.float64)
        more = popularity.level(unflip(records["time"]), self._half_life)
        np.logaddexp2.at(levels, places, more)
        connection.executemany(PUT_LEVEL, zip(items.tolist(), levels.tolist(), strict=True))

    def _read(self, users: list[int]) -> list[tuple[bytes, tuple[str, ...]]]:
        with self._work() as connection:
            found = connection.execute(READ, [json.dumps(users)]).fetchall()
        kept = self._kept * WIDTH
        return [((trail or b"")[-kept:], tuple(json.loads(tags or "[]"))) for trail, tags in found]

    def _top(self, most: int) -> tuple[Index, Levels]:
        with self._work() as connection:
            found = connection.execute(TOP, [most]).fetchall()
        items = np.array([item for item, _ in found], np.int64)
        return items, np.array([level for _, level in found], np.float64)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make what is missing; refuse what another version or half-life made."""
        self._write_ahead(connection)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, VERSION):
            told = f"the feature store is of version {version}, this is version {VERSION}"
            raise ValueError(f"{told}: {self._path}")
        if not version:
            connection.executescript(SCHEMA)
        with _transaction(connection):
            put = "INSERT INTO settings SELECT ? WHERE NOT EXISTS (SELECT * FROM settings)"
            connection.execute(put, [self._half_life])
        (half_life,) = connection.execute("SELECT half_life FROM settings").fetchone()
        if half_life != self._half_life:
            raise ValueError(f"half_life: this feature store counts with {half_life}")

    def _write_ahead(self, connection: sqlite3.Connection) -> None:
        """Turn the write-ahead log on. Where two do so at once, SQLite fails instead of waiting."""
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as exc:
                busy = exc.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    @contextmanager
    def _work(self, mode: str = "rw") -> Iterator[sqlite3.Connection]:
        """Lend the connection, made anew where it is lost; errors become StoreUnavailable.

        Who removes the file does not stop SQLite: it would go on with a file that nobody finds.
        So the file is looked for before and after.
        """
        try:
            self._connection = connection = self._connection or self._connect(mode)
            self._find()
            yield connection
            self._find()
        except OSError as exc:
            self.close()
            raise StoreUnavailable(MESSAGES[sqlite3.SQLITE_CANTOPEN]) from exc
        except sqlite3.DatabaseError as exc:
            code = getattr(exc, "sqlite_errorcode", None)
            if code is None:  # a mistake in here
                raise
            self.close()
            raise StoreUnavailable(MESSAGES.get(code & 0xFF, "the feature store fails")) from exc

    def _find(self) -> None:
        """Raise OSError unless the file is where it was opened."""
        stat = self._path.stat()
        if (stat.st_dev, stat.st_ino) != self._file:
            raise FileNotFoundError

    def _connect(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._path.as_uri()}?mode={mode}",
            timeout=self._timeout,
            isolation_level=None,
            check_same_thread=False,  # it may be opened by another thread than the one that works
            uri=True,
        )
        try:
            stat = self._path.stat()
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        except BaseException:
            connection.close()
            raise
        self._file = (stat.st_dev, stat.st_ino)
        return connection


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit at the end, or take everything back."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise

"""Features in a Redis server."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from convoy_services.recommendation.store.histories import Index
from convoy_services.recommendation.store.popularity import Levels
from convoy_services.recommendation.store.store import (
    HALF_LIFE,
    KEPT,
    TIMEOUT,
    VERSION,
    FeatureStore,
    StoreUnavailable,
)
from convoy_services.recommendation.store.trail import unflip

PREFIX = "convoy:features"
SETTINGS = f"{PREFIX}:settings"
ITEMS = f"{PREFIX}:items"
TAGS = f"{PREFIX}:tags"

PREPARE = """
-- ARGV: the version and the half-life. Gives those that the server has.
redis.call('HSETNX', KEYS[1], 'version', ARGV[1])
redis.call('HSETNX', KEYS[1], 'half_life', ARGV[2])
return redis.call('HMGET', KEYS[1], 'version', 'half_life')
"""

RECORD = """
-- KEYS: the levels of items, then trails. ARGV: how many records a trail keeps, the half-life,
-- then the new records of each trail, as trail.py lays them out. A trail is a sorted set whose
-- scores are all 0, so that it is sorted by bytes. Items have their level negated as their score:
-- of equal ones, the lowest id comes first.
local kept, half_life = tonumber(ARGV[1]), tonumber(ARGV[2])
for n = 2, #KEYS do
  local trail, records = KEYS[n], ARGV[n + 1]
  for start = 1, #records, 21 do
    local record = string.sub(records, start, start + 20)
    local name = '[' .. string.sub(record, 1, 17)
    if redis.call('ZLEXCOUNT', trail, name, name .. '\\255\\255\\255\\255') == 0 then
      redis.call('ZADD', trail, 0, record)
      local excess = redis.call('ZCARD', trail) - kept
      if excess > 0 then
        redis.call('ZREMRANGEBYRANK', trail, 0, excess - 1)
      end
      if string.byte(record, 17) > 0
          and (excess <= 0 or redis.call('ZSCORE', trail, record)) then
        local item = string.sub(record, 9, 16)
        local high, low = struct.unpack('>I4I4', record)
        local level = ((high - 2^31) * 2^32 + low) / 1e6 / half_life
        local old = redis.call('ZSCORE', KEYS[1], item)
        if old then
          old = -tonumber(old)
          local most, least = math.max(old, level), math.min(old, level)
          level = most + math.log(1 + 2^(least - most)) / math.log(2)
        end
        redis.call('ZADD', KEYS[1], string.format('%.17g', -level), item)
      end
    end
  end
end
"""

READ = """
-- KEYS: the tags, then trails. ARGV: how many records a trail keeps, then the user of each trail.
-- Gives each trail and its user's tags.
local told = {}
for n = 2, #KEYS do
  table.insert(told, table.concat(redis.call('ZRANGE', KEYS[n], -tonumber(ARGV[1]), -1)))
  table.insert(told, redis.call('HGET', KEYS[1], ARGV[n]))
end
return told
"""

TOP = """
-- ARGV: how many items. Gives them and their scores, packed:
-- a reply of many parts takes long to read.
local told = redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1, 'WITHSCORES')
for n = 2, #told, 2 do
  told[n] = struct.pack('>d', tonumber(told[n]))
end
return table.concat(told)
"""
TOP_ITEM = np.dtype([("item", ">u8"), ("score", ">f8")])

Argument = bytes | bytearray | memoryview | str | int | float

MESSAGES: dict[type[Exception], str] = {
    TimeoutError: "the feature store is too late",
    redis.exceptions.TimeoutError: "the feature store is too late",
    OutOfMemoryError: "the feature store is full",
    ReadOnlyError: "the feature store cannot be written",
    ResponseError: "the feature store refuses what it was asked",
}
"""What callers are told; the first that fits."""


class RedisStore(FeatureStore):
    """A server that many machines share; one server, no cluster: a batch writes many keys at once.

    What is recorded outlives a SIGKILL of a process of the mesh always, and one of the server, or
    a power cut, where the server has ``appendonly yes`` and ``appendfsync always``. With
    ``everysec`` the server may answer up to two seconds before it writes.
    https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
    It must not evict keys (``maxmemory-policy noeviction``, its default).
    """

    def __init__(
        self,
        url: str,
        *,
        kept: int = KEPT,
        half_life: float = HALF_LIFE,
        timeout: float = TIMEOUT,
    ) -> None:
        """Open ``redis://``, ``rediss://`` or ``unix://``; a call takes ``timeout`` s at most.

        A server that is down now is looked for again at each call. Raises ValueError where the
        server has features of another version or with another half-life: here, else at the first
        call that reaches it.
        """
        super().__init__(kept=kept, half_life=half_life)
        self._timeout = timeout
        self._client = redis.asyncio.from_url(
            url,
            socket_connect_timeout=timeout,
            socket_timeout=timeout,
            retry=Retry(NoBackoff(), 1),  # the server may have been back for long
        )
        self._record_script = self._client.register_script(RECORD)
        self._read_script = self._client.register_script(READ)
        self._top_script = self._client.register_script(TOP)
        self._runner = asyncio.Runner()
        self._prepared = False
        self._closed = False
        try:
            self._call(self._client.ping)
        except StoreUnavailable:
            pass
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let the connections go."""
        if not self._closed:
            self._closed = True
            self._runner.run(self._client.aclose())
            self._runner.close()

    def put_users(self, users: Index, tags: Sequence[Sequence[str]]) -> None:
        """Replace the tags of users, all or none."""
        texts = [json.dumps(list(some)) for some in tags]
        tags_of: dict[Argument, Argument] = dict(zip(map(str, users.tolist()), texts, strict=True))
        if tags_of:
            self._call(lambda: self._client.hset(TAGS, mapping=tags_of))

    def _add(self, records: dict[int, list[bytes]]) -> None:
        keys = [ITEMS, *map(_trail, records)]
        joined = [b"".join(some) for some in records.values()]
        arguments: list[Argument] = [self._kept, repr(self._half_life), *joined]
        self._call(lambda: self._record_script(keys, arguments))

    def _read(self, users: list[int]) -> list[tuple[bytes, tuple[str, ...]]]:
        keys = [TAGS, *map(_trail, users)]
        told = self._call(lambda: self._read_script(keys, [self._kept, *users]))
        tags = [tuple(json.loads(some or "[]")) for some in told[1::2]]
        return list(zip(told[::2], tags, strict=True))

    def _top(self, most: int) -> tuple[Index, Levels]:
        found = self._call(lambda: self._top_script([ITEMS], [most]))
        table = np.frombuffer(found, TOP_ITEM)
        return unflip(table["item"]), -table["score"].astype(np.float64)

    async def _prepare(self) -> None:
        """Make the settings where they are missing; refuse others."""
        half_life = repr(self._half_life)
        found = await self._client.eval(PREPARE, 1, SETTINGS, str(VERSION), half_life)
        version, there = (value.decode() for value in found)
        if version != str(VERSION):
            told = f"the feature store is of version {version}, this is version {VERSION}"
            raise ValueError(told)
        if there != half_life:
            raise ValueError(f"half_life: this feature store counts with {there}")
        self._prepared = True

    def _call(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Ask the server, within the time."""

        async def within() -> Any:
            async with asyncio.timeout(self._timeout):
                if not self._prepared:
                    await self._prepare()
                return await ask()

        try:
            return self._runner.run(within())
        except (RedisError, OSError) as exc:
            told = (message for kind, message in MESSAGES.items() if isinstance(exc, kind))
            raise StoreUnavailable(next(told, "the feature store does not answer")) from exc


def _trail(user: int) -> str:
    return f"{PREFIX}:trail:{user}"

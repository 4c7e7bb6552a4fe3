"""The feature store: what users did, what is popular, what users are.

One line in mesh.yaml chooses what keeps it, by URL; see ``open_store``.
"""

from convoy_services.recommendation.store.events import Events, Kind
from convoy_services.recommendation.store.histories import Histories
from convoy_services.recommendation.store.store import (
    HALF_LIFE,
    KEPT,
    TIMEOUT,
    FeatureStore,
    StoreUnavailable,
)

__all__ = ["Events", "FeatureStore", "Histories", "Kind", "StoreUnavailable", "open_store"]

SQLITE = "sqlite:///"
REDIS = ("redis://", "rediss://", "unix://")


def open_store(
    url: str, *, kept: int = KEPT, half_life: float = HALF_LIFE, timeout: float = TIMEOUT
) -> FeatureStore:
    """Open ``sqlite:///relative/path``, ``sqlite:////absolute/path`` or a Redis server.

    ``FeatureStore`` tells of the first two settings; a call takes ``timeout`` seconds at most.
    Raises ValueError for another URL and where the store does not fit the settings,
    StoreUnavailable where a file cannot be opened.
    """
    if url.startswith(SQLITE) and url != SQLITE:
        from convoy_services.recommendation.store.sqlite import SqliteStore

        return SqliteStore(
            url.removeprefix(SQLITE), kept=kept, half_life=half_life, timeout=timeout
        )
    if url.startswith(REDIS):
        from convoy_services.recommendation.store.redis import RedisStore

        return RedisStore(url, kept=kept, half_life=half_life, timeout=timeout)
    choices = f"{SQLITE}PATH, {', '.join(f'{scheme}…' for scheme in REDIS)}"
    raise ValueError(f"a feature store is one of {choices}; not {url.partition(':')[0]}:")

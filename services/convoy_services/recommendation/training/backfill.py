"""A log into a feature store, so that its users are known when they ask."""

from collections.abc import Iterator

import numpy as np

from convoy_services.recommendation.store import Events, FeatureStore, Kind
from convoy_services.recommendation.training.log import Log

PIECE = 10_000
"""Impressions of one transaction."""

MICROSECONDS = 1_000_000


def backfill(log: Log, store: FeatureStore) -> Iterator[int]:
    """Record what the log says; give after each piece how many impressions it had.

    A click is a watch where its seconds are known. Events of user 0, who is nobody to the mesh, are
    left out. Raises StoreUnavailable; what is there already counts once.
    """
    for start in range(0, len(log), PIECE):
        piece = log.take(np.arange(start, min(start + PIECE, len(log))))
        told = piece.take(piece.user > 0)
        kind = np.full(len(told), Kind.IMPRESSION, np.uint8)
        kind[told.click] = Kind.CLICK
        kind[told.click & (told.dwell > 0)] = Kind.WATCH
        store.record(
            Events(
                user=told.user,
                item=told.item,
                kind=kind,
                seconds=np.where(told.click, told.dwell, 0).astype(np.float32),
                time=told.time * MICROSECONDS,
            )
        )
        yield len(piece)

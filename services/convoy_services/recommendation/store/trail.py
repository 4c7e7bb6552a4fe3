"""A user's trail: the newest events, packed, oldest first.

A record is 21 bytes: time, item and kind, by which a trail is sorted and which name an event,
then the seconds. Numbers are big-endian with their sign flipped, so that bytes sort as they do.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from convoy_services.recommendation.store.events import Events, Kind
from convoy_services.recommendation.store.histories import Histories, Index

RECORD = np.dtype([("time", ">u8"), ("item", ">u8"), ("kind", "u1"), ("seconds", ">f4")])
WIDTH = RECORD.itemsize
NAME = 17
"""How many bytes of a record name the event."""

SIGN = np.uint64(1 << 63)


def flip(numbers: Index) -> NDArray[np.uint64]:
    """Map int64 to uint64 in their order."""
    return numbers.view(np.uint64) ^ SIGN


def unflip(flipped: NDArray[np.uint64]) -> Index:
    """Undo ``flip``, from either byte order."""
    return (flipped.astype(np.uint64) ^ SIGN).view(np.int64)


def pack(events: Events) -> dict[int, list[bytes]]:
    """Give each user's records, in their order; of one event sent twice, the first is first."""
    order = np.lexsort((events.kind, events.item, events.time, events.user))
    records = np.empty(len(events), RECORD)
    records["time"] = flip(events.time.astype(np.int64))
    records["item"] = flip(events.item.astype(np.int64))
    records["kind"] = events.kind
    records["seconds"] = events.seconds
    packed = records[order].tobytes()
    users: dict[int, list[bytes]] = {}
    for n, user in enumerate(events.user[order].tolist()):
        users.setdefault(user, []).append(packed[n * WIDTH : (n + 1) * WIDTH])
    return users


def insert(trail: bytearray, record: bytes, kept: int) -> bool:
    """Put a record in its place unless it is there, and keep the newest.

    Tells whether the trail has it now and had not before: what is older than all of a full trail
    may have been there once, and is not taken.
    """
    name = record[:NAME]
    if trail[-WIDTH : NAME - WIDTH] < name:  # as nearly all are: newer than what there is
        place = len(trail)
    else:
        records = range(len(trail) // WIDTH)
        place = WIDTH * bisect_left(
            records, name, key=lambda n: bytes(trail[n * WIDTH : n * WIDTH + NAME])
        )
    if trail[place : place + NAME] == name:
        return False
    trail[place:place] = record
    excess = max(0, len(trail) - kept * WIDTH)
    del trail[:excess]
    return place >= excess


def tell(
    trails: Sequence[bytes], tags: list[tuple[str, ...]], *, most: int, most_seen: int
) -> Histories:
    """Tell the histories of users by their trails, one a row."""
    # Joined last row first and then reversed: rows in their order, each the newest first.
    records = np.frombuffer(b"".join(reversed(trails)), RECORD)[::-1]
    ends = np.cumsum([0, *(len(trail) // WIDTH for trail in trails)])
    rows = np.repeat(np.arange(len(trails)), np.diff(ends))
    items = unflip(records["item"])
    kinds = records["kind"]
    # What one row has of one item stands together. (A sort a row takes a seventh of one of all.)
    sorts = [start + np.argsort(items[start:end]) for start, end in pairwise(ends.tolist())]
    order = np.concatenate([np.empty(0, np.int64), *sorts])
    alike = items[order]
    starts = np.ones(len(order), bool)
    starts[1:] = alike[1:] != alike[:-1]
    starts[ends[:-1][np.diff(ends) > 0]] = True
    heads = np.flatnonzero(starts)
    nowhere = len(order)

    def newest(chosen: NDArray[np.bool_]) -> Index:
        """Give where the newest chosen event of each row and item is, or ``nowhere``."""
        places = np.where(chosen, np.arange(nowhere), nowhere)
        return np.minimum.reduceat(places[order], heads)

    shown = np.sort(newest(np.ones(nowhere, bool)))
    shown, seen_splits = _cut(shown, rows, len(trails), most_seen)
    engaged = newest(kinds != Kind.IMPRESSION)
    watched = newest(kinds == Kind.WATCH)
    by_place = np.argsort(engaged)
    watch_of = np.full(nowhere + 1, nowhere)
    watch_of[engaged] = watched
    found = engaged[by_place]
    found, splits = _cut(found[found < nowhere], rows, len(trails), most)
    seconds = np.append(records["seconds"].astype(np.float32), np.float32(0))
    return Histories(
        items=items[found],
        seconds=seconds[watch_of[found]],
        times=unflip(records["time"])[found],
        splits=splits,
        seen=items[shown],
        seen_splits=seen_splits,
        tags=tags,
    )


def _cut(places: Index, rows: Index, count: int, most: int) -> tuple[Index, Index]:
    """Keep the first so many places of each row; gives them and their splits."""
    row = rows[places]
    starts = np.searchsorted(row, np.arange(count))
    places = places[np.arange(len(places)) - starts[row] < most]
    return places, np.searchsorted(rows[places], np.arange(count + 1))

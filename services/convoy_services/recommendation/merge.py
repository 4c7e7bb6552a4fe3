"""One pool of candidates out of what the channels found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convoy import Batch, Tensor
from convoy.errors import invalid
from convoy.tensor import Index, ascending
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Preprocess
from convoy_services.recommendation.bounds import MOST_CANDIDATES
from convoy_services.recommendation.channel import Channel
from convoy_services.recommendation.model.catalogue import Catalogue
from convoy_services.recommendation.ragged import alike, boundaries, owners, places, ragged

K = 60
"""How fast a rank loses weight, as in the paper."""

CHANNELS = {
    "vector": Channel.VECTOR,
    "covisit": Channel.COVISIT,
    "text": Channel.TEXT,
    "popular": Channel.POPULAR,
}
"""The channels by the names of their columns."""

FOUND = 31
"""The bits that are channels; those of the lists that take items away follow."""
BLOCKED = 32
SEEN = 64


class Merge(Preprocess):
    """Joins the channels, takes away what is not wanted and keeps the best.

    A channel's items INT64 [-1] come best first, with scores FP32 [-1]; an entry whose score is
    not finite was not found. Candidates are scored by reciprocal rank fusion (Cormack et al. 2009,
    https://doi.org/10.1145/1571941.1572114): the sum of weight / (60 + rank) over the channels, as
    a share of what the first of all four has. They come out by that score, then by id, ``most`` of
    them, of given ones, too: pool INT64 [-1], channels UINT8 [-1], recall_score FP32 [-1].

    ``blocked`` and ``seen`` take items away, the latter unless ``keep_seen``; ``categories``
    leaves only items of those that it names: none where the catalogue knows no such name, and
    none that it does not know. Where a row has ``given`` candidates, they alone stay, in their
    order (1 / (60 + rank) as a share of the first's), all of them; what was seen stays among them,
    and the channels that found one, too, are named.
    """

    folder: Path

    def __init__(
        self, *, model: str, most: int = 300, weights: Mapping[str, float] | None = None
    ) -> None:
        """Take the folder of the versions, and how many recalled candidates a row keeps.

        ``weights`` has those of channels that count for other than 1, by name.
        """
        if most < 1:
            raise ValueError(f"most is {most}; take 1 or more")
        weights = weights or {}
        if unknown := weights.keys() - CHANNELS.keys():
            raise ValueError(
                f"there is no channel {', '.join(unknown)}; take {', '.join(CHANNELS)}"
            )
        if any(not 0 < weight < inf for weight in weights.values()):
            raise ValueError("weights: take numbers above 0")
        self._weights = np.ones(FOUND + 1)
        for name, weight in weights.items():
            self._weights[CHANNELS[name]] = weight
        self.repository = Path(model)
        self._most = most
        self.consumes = Columns()
        for name in CHANNELS:
            self.consumes[f"{name}_items"] = Column("INT64", [-1])
            self.consumes[f"{name}_scores"] = Column("FP32", [-1])
        self.consumes |= Columns(
            given=Column("INT64", [-1], default=[]),
            categories=Column("BYTES", [-1], default=[]),
            blocked=Column("INT64", [-1], default=[]),
            seen=Column("INT64", [-1], default=[]),
            keep_seen=Column("BOOL", default=False),
        )
        self.produces = Columns(
            pool=Column("INT64", [-1]),
            channels=Column("UINT8", [-1]),
            recall_score=Column("FP32", [-1]),
        )

    def load(self) -> None:
        """Read the version's catalogue."""
        self._catalogue = Catalogue.load(self.folder)
        names = enumerate(self._catalogue.categories)
        self._codes = {name.encode(): code for code, name in names}

    def process(self, batch: Batch) -> Batch:
        """Merge all rows at once; a row with too many given candidates fails.

        Raises ConvoyError INVALID_ARGUMENT where items and scores differ in length.
        """
        excess = np.flatnonzero(batch["given"].lengths > MOST_CANDIDATES).tolist()
        lists = [_found(batch, name, bit) for name, bit in CHANNELS.items()]
        lists.append(_List.of(batch["given"], Channel.GIVEN))
        lists += [_List.of(batch["blocked"], BLOCKED), _List.of(batch["seen"], SEEN)]
        chosen = batch["given"].lengths > 0
        pairs = _pairs(lists, chosen, self._weights)

        away = pairs.bits & BLOCKED != 0
        away |= (pairs.bits & SEEN != 0) & ~(batch["keep_seen"].array | chosen)[pairs.row]
        due = np.where(chosen, Channel.GIVEN, FOUND)[pairs.row]
        pairs = pairs.where((pairs.bits & due != 0) & ~away)
        pairs = pairs.where(self._asked(batch["categories"], pairs))

        # Both halves of the key ascend: the bits of floats from 0 order as the floats do.
        key = (pairs.row << 32) - pairs.score.view(np.int32)
        pairs = pairs.where(np.argsort(key, kind="stable"))
        splits = ascending(np.bincount(pairs.row, minlength=batch.rows))
        most = np.where(chosen, len(pairs.row), self._most)
        pairs = pairs.where(places(splits) < most[pairs.row])
        splits = ascending(np.minimum(np.diff(splits), most))
        return self.produces.pack(
            rows=batch.rows,
            failures=dict.fromkeys(excess, invalid("given", f"take {MOST_CANDIDATES} at most")),
            pool=ragged(pairs.item, splits),
            channels=ragged(pairs.bits & np.uint8(FOUND), splits),
            recall_score=ragged(pairs.score, splits),
        )

    def _asked(self, categories: Tensor, pairs: "_Pairs") -> NDArray[np.bool_]:
        """Say of each pair whether its item is of a category that its row asks for."""
        asked = categories.lengths > 0
        if not asked.any():
            return np.ones(len(pairs.row), np.bool_)
        unknown = len(self._codes)
        codes = [self._codes.get(name, unknown) for name in categories.elements()]
        fits = np.zeros((len(asked), unknown + 1), np.bool_)
        fits[owners(boundaries(categories)), codes] = True
        fits[:, unknown] = False
        fits[~asked] = True
        rows = self._catalogue.find(pairs.item)
        known = rows >= 0
        of = np.full(len(rows), unknown)
        of[known] = self._catalogue.category[rows[known]]
        kept: NDArray[np.bool_] = fits[pairs.row, of]
        return kept


@dataclass(frozen=True, slots=True)
class _List:
    """A list of items for every row, end to end."""

    row: Index
    item: Index
    rank: Index
    """From 0."""
    bit: int

    @classmethod
    def of(cls, column: Tensor, bit: int) -> "_List":
        splits = boundaries(column)
        return cls(owners(splits), column.array, places(splits), bit)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Rows and items, each pair once, ascending until they are sorted otherwise."""

    row: Index
    item: Index
    bits: NDArray[np.uint8]
    """The lists that have the item."""
    score: NDArray[np.float32]

    def where(self, which: NDArray[np.bool_] | Index) -> "_Pairs":
        """Give some of the pairs."""
        return _Pairs(self.row[which], self.item[which], self.bits[which], self.score[which])


def _found(batch: Batch, name: str, bit: int) -> _List:
    items, scores = batch[f"{name}_items"], batch[f"{name}_scores"]
    if not alike(items, scores):
        raise invalid(f"{name}_scores", f"its rows are not as long as those of {name}_items")
    whole = _List.of(items, bit)
    found = np.isfinite(scores.array)
    return _List(whole.row[found], whole.item[found], whole.rank[found], bit)


def _pairs(
    lists: Sequence[_List], chosen: NDArray[np.bool_], weights: NDArray[np.float64]
) -> _Pairs:
    """Join the lists; ``chosen``, [rows], says which rows only take what the caller gave.

    ``weights`` has that of each channel at the place of its bit.
    """
    row = np.concatenate([part.row for part in lists])
    item = np.concatenate([part.item for part in lists])
    rank = np.concatenate([part.rank for part in lists])
    bits = np.repeat(np.array([part.bit for part in lists], np.uint8), [len(p.row) for p in lists])

    key = _key(row, item)
    order = np.argsort(key, kind="stable")
    row, item, rank, bits, key = row[order], item[order], rank[order], bits[order], key[order]
    new = np.ones(len(key), np.bool_)
    new[1:] = key[1:] != key[:-1]
    first = new.copy()
    first[1:] |= bits[1:] != bits[:-1]

    most = np.where(chosen, 1, sum(weights[bit] for bit in CHANNELS.values())) / (K + 1)
    due = np.where(chosen, Channel.GIVEN, FOUND)[row]
    counts = first & (bits & due != 0)
    weight = np.where(counts, weights[bits & FOUND] / (K + 1 + rank), 0)
    starts = np.flatnonzero(new)
    row = row[starts]
    score = np.add.reduceat(weight, starts) / most[row]
    return _Pairs(row, item[starts], np.bitwise_or.reduceat(bits, starts), score.astype(np.float32))


def _key(row: Index, item: Index) -> Index:
    """Give numbers that order as the pairs do: one is sorted faster than two."""
    if not len(item):
        return item
    low, high = int(item.min()), int(item.max())
    span = high - low + 1
    if (int(row.max()) + 1) * span >= 2**63:
        low, span = 0, len(item)
        item = np.unique(item, return_inverse=True)[1]
    return row * span + (item - low)

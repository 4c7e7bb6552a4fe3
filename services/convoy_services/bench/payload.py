"""Rows that fit a pipeline, made up from its description."""

import random
from collections.abc import Iterator

import numpy as np

from convoy import Batch, Datatype, Tensor
from convoy.datatype import DTYPES, FROM_WIRE
from convoy.v1 import pipeline_pb2 as pb

WORDS = (
    *("parse", "date", "file", "tree", "remove", "read", "time", "string", "list", "table"),
    *("queue", "lock", "thread", "socket", "path", "number", "text", "sort", "hash", "copy"),
)
LONGEST = 24
"""Words of a text, values of a ragged row: from 1 to so many."""


def payloads(described: pb.DescribeResponse, rows: int, seed: int = 0) -> Iterator[Batch]:
    """Give batches of ``rows`` rows without end, the same ones for the same seed.

    Inputs with a default are left out.
    """
    chance = random.Random(seed)
    columns = [spec for spec in described.inputs if not spec.optional]
    while True:
        yield Batch(rows=rows, columns={spec.name: _column(spec, rows, chance) for spec in columns})


def _column(spec: pb.ColumnSpec, rows: int, chance: random.Random) -> Tensor:
    datatype, shape = FROM_WIRE[spec.datatype], tuple(spec.shape)
    values = [_value(datatype, shape, chance) for _ in range(rows)]
    return Tensor.pack(values, datatype, shape)


def _value(datatype: Datatype, shape: tuple[int, ...], chance: random.Random) -> object:
    if shape:
        count = chance.randint(1, LONGEST) if shape[0] < 0 else shape[0]
        return [_value(datatype, shape[1:], chance) for _ in range(count)]
    if datatype is Datatype.BYTES:
        return " ".join(chance.choices(WORDS, k=chance.randint(1, LONGEST)))
    if datatype is Datatype.BOOL:
        return chance.random() < 0.5
    if np.issubdtype(DTYPES[datatype], np.integer):
        return chance.randint(1, 100)
    return chance.gauss(0.0, 1.0)

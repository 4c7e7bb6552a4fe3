"""Batches that the pipeline ``mean`` refuses: it takes points FP32 [-1, 2] and name BYTES []."""

from collections.abc import Callable
from typing import Any

import numpy as np

from convoy import Batch, Datatype, Tensor
from convoy.v1 import batch_pb2
from convoy.wire import write_batch

NAN = float("nan")


def batch(points: Any = ([[1, 2]], [[3, 4], [5, 6]]), names: Any = ("a", "bc")) -> batch_pb2.Batch:
    message = batch_pb2.Batch()
    columns = {"points": Tensor.pack(points, Datatype.FP32, (-1, 2)), "name": Tensor.texts(names)}
    write_batch(Batch(rows=len(points), columns=columns), message)
    return message


def faulty(change: Callable[[Any, Any, Any], object]) -> batch_pb2.Batch:
    """Change a batch, its points and its names."""
    message = batch()
    change(message, *message.tensors)
    return message


def ends(*values: int) -> bytes:
    return np.array(values, "<i8").tobytes()


def set_(**fields: Any) -> Callable[[Any], None]:
    def change(tensor: Any) -> None:
        for name, value in fields.items():
            tensor.ClearField(name)
            if name == "shape":
                tensor.shape.extend(value)
            else:
                setattr(tensor, name, value)

    return change


def points(**fields: Any) -> batch_pb2.Batch:
    return faulty(lambda _, tensor, __: set_(**fields)(tensor))


def names(**fields: Any) -> batch_pb2.Batch:
    return faulty(lambda _, __, tensor: set_(**fields)(tensor))


def columns_only(*tensors: int) -> batch_pb2.Batch:
    message = batch()
    kept = [message.tensors[i] for i in tensors]
    return batch_pb2.Batch(rows=message.rows, tensors=kept)


FLOATS = np.array([1, 2, 3, 4, 5, 6], "<f4")
AT_POINTS, AT_NAME = "batch.tensors[0]", "batch.tensors[1]"

WRONG_COLUMNS = {
    "a tensor is missing": (columns_only(1), "batch.tensors", "points FP32 [-1, 2] is missing"),
    "a tensor is too many": (
        faulty(lambda b, p, n: b.tensors.add(name="more", datatype=1, data=b"\0\1")),
        "batch.tensors[more]",
        "there is no such input; there are: points",
    ),
    "another datatype": (
        points(datatype=batch_pb2.DATATYPE_FP64, data=FLOATS.astype("<f8").tobytes()),
        "batch.tensors[points]",
        "the datatype is FP64, not FP32",
    ),
    "another shape": (
        points(shape=[-1, 3], row_splits=ends(0, 1, 2)),
        "batch.tensors[points]",
        "the shape of a row is [-1, 3], not [-1, 2]",
    ),
    "no longer ragged": (
        points(shape=[3], row_splits=b""),
        "batch.tensors[points]",
        "the shape of a row is [3], not [-1, 2]",
    ),
    "no rows": (
        batch((), ()),
        "batch.rows",
        "0 rows; take 1 to",
    ),
    "NaN where it is refused": (
        points(data=np.array([1, 2, NAN, 4, 5, 6], "<f4").tobytes()),
        "batch.tensors[points]",
        "NaN or infinity in row 1;",
    ),
    "infinity where it is refused": (
        points(data=np.array([-np.inf, 2, 3, 4, 5, 6], "<f4").tobytes()),
        "batch.tensors[points]",
        "NaN or infinity in row 0;",
    ),
}
"""Well-formed batches that are not for the pipeline: with the violation's path and text."""

WRONG_TENSORS = {
    "the same name twice": (
        faulty(lambda b, p, n: b.tensors.add().CopyFrom(n)),
        "batch.tensors[2]",
        "is given twice",
    ),
    "no datatype": (points(datatype=0), AT_POINTS, "missing or unknown"),
    "a datatype that there is not": (points(datatype=99), AT_POINTS, "missing or unknown"),
    "a BOOL of 2": (names(datatype=1, data=b"\0\2", offsets=b""), AT_NAME, "a BOOL is 0 or 1"),
    "rows of no size": (points(shape=[0, 2]), AT_POINTS, "a size is positive"),
    "a second ragged dimension": (points(shape=[-1, -1]), AT_POINTS, "only the first"),
    "a dimension of -2": (points(shape=[-2, 2]), AT_POINTS, "-1 for ragged"),
    "a huge dimension": (points(shape=[-1, 1 << 62]), AT_POINTS, "the data holds 6 elements"),
    "too many dimensions": (points(shape=[-1] + [1] * 40), AT_POINTS, "the limit is 32"),
    "half an element": (points(data=FLOATS.tobytes()[:-1]), AT_POINTS, "no multiple of 4"),
    "data too short": (points(data=FLOATS.tobytes()[:-8]), AT_POINTS, "call for 6"),
    "data too long": (points(data=FLOATS.tobytes() * 2), AT_POINTS, "call for 6"),
    "no data": (points(data=b""), AT_POINTS, "call for 6"),
    "other rows than the tensors": (
        faulty(lambda b, p, n: setattr(b, "rows", 3)),
        f"{AT_POINTS} {AT_NAME}",
        "row_splits has 3 entries where 4 are due",
    ),
    "splits that do not ascend": (points(row_splits=ends(0, 2, 1)), AT_POINTS, "does not ascend"),
    "splits past the end": (points(row_splits=ends(0, 1, 99)), AT_POINTS, "call for 198"),
    "splits that overflow": (points(row_splits=ends(0, 1, 2**63 - 1)), AT_POINTS, "call for"),
    "negative splits": (points(row_splits=ends(0, -1, 3)), AT_POINTS, "does not ascend"),
    "splits from 1": (points(row_splits=ends(1, 2, 3)), AT_POINTS, "does not begin at 0"),
    "too few splits": (points(row_splits=ends(0, 3)), AT_POINTS, "where 3 are due"),
    "half a split": (points(row_splits=ends(0, 1, 3)[:-3]), AT_POINTS, "no multiple of 8"),
    "no splits": (points(row_splits=b""), AT_POINTS, "ragged rows alone"),
    "splits where rows are equal": (names(row_splits=ends(0, 1, 2)), AT_NAME, "ragged rows alone"),
    "offsets that do not ascend": (names(offsets=ends(0, 4, 3)), AT_NAME, "does not ascend"),
    "offsets past the end": (names(offsets=ends(0, 1, 99)), AT_NAME, "call for 99"),
    "offsets that overflow": (names(offsets=ends(0, 2**62, 2**63 - 1)), AT_NAME, "call for"),
    "negative offsets": (names(offsets=ends(0, -1, 3)), AT_NAME, "does not ascend"),
    "offsets from 1": (names(offsets=ends(1, 2, 3)), AT_NAME, "does not begin at 0"),
    "too few offsets": (names(offsets=ends(0, 3)), AT_NAME, "where 3 are due"),
    "half an offset": (names(offsets=b"\0" * 23), AT_NAME, "no multiple of 8"),
    "no offsets": (names(offsets=b""), AT_NAME, "BYTES alone"),
    "offsets of numbers": (points(offsets=ends(0, 1, 3)), AT_POINTS, "BYTES alone"),
    "a failure of no row": (
        faulty(lambda b, p, n: b.failures.add(row=7)),
        "batch.failures",
        "there are 2 rows",
    ),
    "a degradation of no row": (
        faulty(lambda b, p, n: b.degradations.add(rows=[2])),
        "batch.degradations",
        "there are 2 rows",
    ),
}
"""Batches that contradict themselves: with the violations' paths and the text."""

"""How the pieces of a row are put together."""

import numpy as np
import pytest

from convoy import Batch, Datatype, Tensor
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.fold import Fold
from convoy_services.mesh.increment import Increment


@pytest.mark.parametrize(
    ("column", "pieces", "whole"),
    [
        (Column("BYTES"), [b"ab", b"", b"c"], b"abc"),
        (Column("INT64"), [1, 2, 3], 3),
        (Column("FP32", [2]), [[1, 2], [3, 4], [5, 6]], [5, 6]),
        (Column("INT64", [-1]), [[1], [], [2, 3]], [1, 2, 3]),
        (Column("FP32", [-1, 2]), [[[1, 2]], [], [[3, 4]]], [[1, 2], [3, 4]]),
        (Column("BYTES", [-1]), [[b"a", b""], [], [b"bc"]], [b"a", b"", b"bc"]),
        (Column("BYTES", [2]), [[b"a", b"b"], [b"c", b"d"], [b"e", b"f"]], [b"e", b"f"]),
    ],
)
def test_texts_and_lists_are_added_up_and_of_others_the_last_stands(
    column: Column, pieces: list[object], whole: object
) -> None:
    fold = Fold(Columns(out=column), {"out": "theirs"})
    for piece in pieces:
        other = Tensor.pack([pieces[0]], column.datatype, column.shape)
        tensor = Tensor.pack([piece], column.datatype, column.shape)
        increment = Increment(
            ids=np.array([7, 8], np.uint64),
            batch=Batch(rows=2, columns={"theirs": Tensor.concat([other, tensor])}),
            ended=np.zeros(2, np.bool_),
        )
        assert fold.add(increment, 1)["out"].tolist() == [piece]
    assert fold.result()["out"].tolist() == [whole]
    assert fold.result()["out"].datatype is Datatype(column.datatype)

"""What a tensor from outside may contradict itself in."""

from typing import Any

import numpy as np
import pytest

from convoy import Datatype, Tensor

RAGGED = {"datatype": Datatype.UINT8, "rows": 2, "shape": (-1,)}
TEXTS = {"datatype": Datatype.BYTES, "rows": 2}


def ends(*values: int) -> Any:
    return np.array(values, np.int64)


def octets(count: int) -> Any:
    return np.zeros(count, np.uint8)


@pytest.mark.parametrize(
    ("faulty", "says"),
    [
        ({"datatype": Datatype.UINT8, "rows": 2, "data": octets(3)}, "holds 3 elements"),
        ({"datatype": Datatype.UINT8, "rows": 2, "data": octets(0)}, "call for 2"),
        (
            {"datatype": Datatype.UINT8, "rows": 2, "shape": (3, 2), "data": octets(11)},
            "call for 12",
        ),
        (
            {"datatype": Datatype.UINT8, "rows": 1, "shape": (2, -1), "data": octets(2)},
            "only the first",
        ),
        (
            {"datatype": Datatype.UINT8, "rows": 1, "shape": (-1, -1), "data": octets(0)},
            "only the first",
        ),
        ({"datatype": Datatype.UINT8, "rows": 1, "shape": (-5,), "data": octets(0)}, "-1"),
        ({"datatype": Datatype.UINT8, "rows": 2**31, "shape": (0,), "data": octets(0)}, "size"),
        (
            {**RAGGED, "shape": (-1, 0), "splits": ends(0, 1, 2**62), "data": octets(0)},
            "size",
        ),
        ({"datatype": Datatype.UINT8, "rows": 1, "shape": (1,) * 40, "data": octets(1)}, "40"),
        (
            {"datatype": Datatype.UINT8, "rows": 1, "shape": (2**40, 2**40), "data": octets(0)},
            "call for",
        ),
        ({**RAGGED, "data": octets(0)}, "row_splits"),
        ({"datatype": Datatype.UINT8, "rows": 0, "splits": ends(0), "data": octets(0)}, "alone"),
        ({**RAGGED, "splits": ends(0, 2), "data": octets(2)}, "row_splits has 2 entries"),
        ({**RAGGED, "splits": ends(0, 1, 1, 2), "data": octets(2)}, "row_splits has 4 entries"),
        ({**RAGGED, "splits": ends(1, 1, 2), "data": octets(2)}, "row_splits does not begin"),
        ({**RAGGED, "splits": ends(0, 3, 2), "data": octets(2)}, "row_splits does not ascend"),
        ({**RAGGED, "splits": ends(0, -1, 2), "data": octets(2)}, "row_splits does not ascend"),
        ({**RAGGED, "splits": ends(0, 1, 3), "data": octets(2)}, "call for 3"),
        (
            {**RAGGED, "splits": ends(0, -(2**63), 2**63 - 1), "data": octets(2)},
            "row_splits does not ascend",
        ),
        ({**TEXTS, "data": octets(2)}, "offsets"),
        ({**RAGGED, "splits": ends(0, 1, 2), "offsets": ends(0), "data": octets(2)}, "alone"),
        ({**TEXTS, "offsets": ends(0, 2), "data": octets(2)}, "offsets has 2 entries where 3"),
        ({**TEXTS, "offsets": ends(1, 1, 2), "data": octets(2)}, "offsets does not begin"),
        ({**TEXTS, "offsets": ends(0, 2, 1), "data": octets(1)}, "offsets does not ascend"),
        ({**TEXTS, "offsets": ends(0, 1, 9), "data": octets(2)}, "2 bytes where"),
        (
            {
                **TEXTS,
                "shape": (-1,),
                "splits": ends(0, 1, 3),
                "offsets": ends(0, 1, 2),
                "data": octets(2),
            },
            "offsets has 3 entries where 4",
        ),
        (
            {"datatype": Datatype.BOOL, "rows": 2, "data": np.array([1, 2], "u1").view("?")},
            "0 or 1",
        ),
    ],
)
def test_a_contradiction_is_refused(faulty: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Tensor(**faulty).check()


@pytest.mark.parametrize(
    "sound",
    [
        {"datatype": Datatype.UINT8, "rows": 0, "data": octets(0)},
        {"datatype": Datatype.UINT8, "rows": 0, "shape": (2**40,), "data": octets(0)},
        {**RAGGED, "splits": ends(0, 0, 0), "data": octets(0)},
        {**RAGGED, "shape": (-1, 2), "splits": ends(0, 1, 3), "data": octets(6)},
        {**TEXTS, "offsets": ends(0, 0, 2), "data": octets(2)},
        {"datatype": Datatype.BOOL, "rows": 2, "data": np.array([True, False])},
    ],
)
def test_what_agrees_with_itself_passes(sound: dict[str, Any]) -> None:
    Tensor(**sound).check()

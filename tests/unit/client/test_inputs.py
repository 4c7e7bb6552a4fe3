"""What a caller gives, as a batch."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convoy import ConvoyError, Datatype, Tensor
from convoy.client.inputs import tells_its_type, to_batch
from tests.unit.client.fake import Echo

DECLARED = Echo.inputs


@pytest.mark.parametrize(
    ("values", "tells"),
    [
        (Tensor.texts(["a"]), True),
        (np.zeros((1, 2), np.float32), True),
        (np.array([True]), True),
        (["a"], False),
        (np.array(["a"]), False),
        (np.array([b"a"]), False),
        (np.array([b"a"], object), False),
        ([np.zeros(2)], False),
    ],
)
def test_tensors_and_arrays_of_numbers_tell_their_type(values: Any, *, tells: bool) -> None:
    assert tells_its_type(values) is tells


@pytest.mark.parametrize(
    "values",
    [["a", "b"], [b"a", b"b"], ("a", "b"), np.array(["a", "b"]), np.array(["a", b"b"], object)],
)
def test_texts_may_be_given_in_many_ways(values: Any) -> None:
    assert to_batch({"text": values}, DECLARED)["text"].elements() == [b"a", b"b"]


def test_an_array_keeps_its_dtype_whatever_is_declared() -> None:
    """The mesh refuses a wrong one; a silent conversion could lose digits."""
    batch = to_batch({"vector": np.zeros((2, 2), np.float64)}, DECLARED)
    assert batch["vector"].datatype is Datatype.FP64


@pytest.mark.parametrize(
    ("columns", "field", "why"),
    [
        ({"text": "abc"}, "batch.tensors[text]", "give a list with a value for each row"),
        ({"text": [1]}, "batch.tensors[text]", "BYTES take text or bytes"),
        ({"txet": ["a"]}, "batch.tensors[txet]", "there is no such input; there are: text, ids"),
        ({"vector": [[1, 2, 3]]}, "batch.tensors[vector]", r"FP32 \[2\]: the values do not fill"),
        ({"ids": [["one"]]}, "batch.tensors[ids]", "not all int64"),
        ({"ids": [1, 2]}, "batch.tensors[ids]", "has no len"),
        ({"text": 5}, "batch.tensors[text]", "give a list with a value for each row"),
        ({"when": np.array(["2026"], "M8[Y]")}, "batch.tensors[when]", "no datatype is datetime"),
        ({"one": np.array(1)}, "batch.tensors[one]", "the first dimension of an array is its rows"),
        ({"text": ["a"], "ids": [[1], [2]]}, "batch.tensors", "{'text': 1, 'ids': 2}"),
    ],
)
def test_what_does_not_fit_is_named(columns: dict[str, Any], field: str, why: str) -> None:
    with pytest.raises(ConvoyError, match=why) as caught:
        to_batch(columns, DECLARED)
    assert caught.value.violations[0].field == field


@given(
    rows=st.lists(
        st.tuples(
            st.text(),
            st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
            st.lists(st.floats(width=32, allow_nan=False), min_size=2, max_size=2),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_lists_come_back_as_they_were(rows: list[tuple[str, list[int], list[float]]]) -> None:
    text, ids, vector = ([*column] for column in zip(*rows, strict=True))
    batch = to_batch({"text": text, "ids": ids, "vector": vector}, DECLARED)
    assert batch.rows == len(rows)
    assert batch["text"].strings() == text
    assert [row.tolist() for row in batch["ids"].numpy()] == ids
    assert batch["vector"].numpy().tolist() == vector

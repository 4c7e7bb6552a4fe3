"""Columns against plain Python lists."""

from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from convoy import Datatype, Tensor
from convoy.datatype import DTYPES
from tests.unit.convoy.strategies import DATATYPES, ROWS, SHAPES, columns, values

Column = tuple[Tensor, list[Any]]


@given(columns())
def test_a_packed_column_gives_its_rows_back(column: Column) -> None:
    tensor, nested = column
    tensor.check()
    assert tensor.tolist() == nested
    assert tensor.rows == len(nested)


@given(columns(), st.data())
def test_a_slice_is_the_lists_slice(column: Column, data: st.DataObject) -> None:
    tensor, nested = column
    start = data.draw(st.integers(0, tensor.rows))
    stop = data.draw(st.integers(start, tensor.rows))
    part = tensor.slice(start, stop)
    part.check()
    assert part.tolist() == nested[start:stop]


@given(columns(), st.data())
def test_rows_come_in_the_order_that_take_names(column: Column, data: st.DataObject) -> None:
    tensor, nested = column
    row = st.integers(0, tensor.rows - 1) if tensor.rows else st.nothing()
    index = data.draw(st.lists(row, max_size=7 if tensor.rows else 0))
    taken = tensor.take(np.array(index, np.int64))
    taken.check()
    assert taken.tolist() == [nested[i] for i in index]


@given(DATATYPES, SHAPES, st.lists(ROWS, min_size=1, max_size=4), st.data())
def test_joined_columns_hold_all_rows_in_order(
    datatype: Datatype, shape: tuple[int, ...], counts: list[int], data: st.DataObject
) -> None:
    nested = [data.draw(values(datatype, shape, count)) for count in counts]
    whole = Tensor.concat([Tensor.pack(rows, datatype, shape) for rows in nested])
    whole.check()
    assert whole.tolist() == [row for rows in nested for row in rows]


@given(columns(), st.integers(0, 3), st.randoms())
def test_spread_rows_stand_at_their_places_among_zeros(
    column: Column, gaps: int, random: Any
) -> None:
    tensor, nested = column
    rows = tensor.rows + gaps
    index = sorted(random.sample(range(rows), tensor.rows))
    spread = tensor.spread(np.array(index, np.int64), rows)
    spread.check()
    blank = Tensor.zeros(1, tensor.datatype, tensor.shape).tolist()[0]
    expected = [blank] * rows
    for place, row in zip(index, nested, strict=True):
        expected[place] = row
    assert spread.tolist() == expected


@given(columns(), st.data())
def test_cuts_of_cuts_stay_right(column: Column, data: st.DataObject) -> None:
    """Slices share their data and begin anywhere in it."""
    tensor, nested = column
    middle = data.draw(st.integers(0, tensor.rows))
    left, right = tensor.slice(0, middle), tensor.slice(middle, tensor.rows)
    backwards = np.arange(right.rows)[::-1]
    joined = Tensor.concat([right.take(backwards), left])
    joined.check()
    assert joined.tolist() == nested[middle:][::-1] + nested[:middle]


@given(ROWS, DATATYPES, SHAPES)
def test_zeros_are_zeros_and_ragged_rows_are_empty(
    rows: int, datatype: Datatype, shape: tuple[int, ...]
) -> None:
    tensor = Tensor.zeros(rows, datatype, shape)
    tensor.check()
    if tensor.splits is not None:
        assert tensor.tolist() == [[]] * rows
    elif datatype is Datatype.BYTES:
        assert tensor.elements() == [b""] * (rows * prod(shape))
    else:
        assert not tensor.array.any()
        assert tensor.array.shape == (rows, *shape)


@given(columns())
def test_the_dense_values_have_the_shape_of_the_rows(column: Column) -> None:
    tensor, nested = column
    if tensor.datatype is Datatype.BYTES:
        with pytest.raises(ValueError, match="BYTES have no dense array"):
            tensor.array  # noqa: B018 (a property that raises)
        return
    entries = nested if tensor.splits is None else [entry for row in nested for entry in row]
    inner = tensor.shape if tensor.splits is None else tensor.shape[1:]
    assert tensor.array.shape == (len(entries), *inner)
    assert tensor.array.dtype == DTYPES[tensor.datatype]
    assert tensor.array.tolist() == entries


def test_lengths_belong_to_ragged_rows() -> None:
    assert Tensor.pack([[1, 2], [], [3]], Datatype.INT64, (-1,)).lengths.tolist() == [2, 0, 1]
    with pytest.raises(ValueError, match="not ragged"):
        Tensor.pack([1, 2], Datatype.INT64).lengths  # noqa: B018 (a property that raises)


def test_texts_become_utf_8_and_come_back() -> None:
    tensor = Tensor.texts(["naïve", b"raw", ""])
    tensor.check()
    assert tensor.elements() == ["naïve".encode(), b"raw", b""]
    assert tensor.strings() == ["naïve", "raw", ""]


def test_bytes_that_are_no_text_are_no_strings() -> None:
    with pytest.raises(UnicodeDecodeError):
        Tensor.texts([b"\xff"]).strings()


@pytest.mark.parametrize(
    ("given", "datatype", "shape"),
    [
        ([[1, 2], [3]], Datatype.INT64, (2,)),
        ([[1, 2], [3, 4]], Datatype.INT64, ()),
        ([1, 2], Datatype.INT64, (2,)),
        ([[[1], [2, 3]]], Datatype.INT64, (-1, 1)),
        (["seven"], Datatype.INT64, ()),
        ([None], Datatype.FP32, ()),
        ([1], Datatype.BYTES, ()),
        ([[["a"], ["b", "c"]]], Datatype.BYTES, (-1, 1)),
        ([256], Datatype.UINT8, ()),
        ([-1], Datatype.UINT64, ()),
        ([2**63], Datatype.INT64, ()),
        ([2**70], Datatype.INT64, ()),
        ([0.5], Datatype.INT32, ()),
        ([float("nan")], Datatype.INT32, ()),
        ([2], Datatype.BOOL, ()),
        (["true"], Datatype.BOOL, ()),
        ([1e39], Datatype.FP32, ()),
        ([70000.0], Datatype.FP16, ()),
    ],
)
def test_values_that_do_not_fit_are_refused(
    given: Any, datatype: Datatype, shape: tuple[int, ...]
) -> None:
    """Values out of the type's range once wrapped around without a word."""
    with pytest.raises(ValueError, match=r"."):
        Tensor.pack(given, datatype, shape)


@pytest.mark.parametrize(
    ("given", "datatype", "expected"),
    [
        ([1, 0], Datatype.BOOL, [True, False]),
        ([1.0, 2.0], Datatype.INT8, [1, 2]),
        ([1, 2], Datatype.FP16, [1.0, 2.0]),
        ([0.1], Datatype.FP32, [float(np.float32(0.1))]),
        ([float("inf")], Datatype.BF16, [float("inf")]),
        ([2**64 - 1], Datatype.UINT64, [2**64 - 1]),
    ],
)
def test_values_of_a_near_type_are_converted(
    given: Any, datatype: Datatype, expected: list[Any]
) -> None:
    assert Tensor.pack(given, datatype).tolist() == expected


@pytest.mark.parametrize(
    "other",
    [
        Tensor.pack([1], Datatype.INT32),
        Tensor.pack([[1]], Datatype.INT64, (1,)),
        Tensor.pack([[1]], Datatype.INT64, (-1,)),
        Tensor.texts(["1"]),
    ],
)
def test_columns_of_different_types_do_not_join(other: Tensor) -> None:
    with pytest.raises(ValueError, match="one datatype and shape"):
        Tensor.concat([Tensor.pack([1], Datatype.INT64), other])


@given(columns())
def test_numpy_gives_the_rows(column: Column) -> None:
    tensor, nested = column
    array = tensor.numpy()
    if tensor.splits is None:
        assert array.shape == (tensor.rows, *tensor.shape)
        assert array.tolist() == nested
    else:
        assert array.shape == (tensor.rows,)
        assert [row.tolist() for row in array] == nested
        assert all(row.shape[1:] == tensor.shape[1:] for row in array)


@given(columns(), st.sampled_from("<>"))
def test_an_array_makes_the_tensor_that_its_dtype_says(column: Column, order: Any) -> None:
    tensor, nested = column
    assume(tensor.splits is None and tensor.datatype is not Datatype.BYTES)
    made = Tensor.of(tensor.numpy().astype(DTYPES[tensor.datatype].newbyteorder(order)))
    assert (made.datatype, made.shape, made.tolist()) == (tensor.datatype, tensor.shape, nested)


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.zeros(1, np.complex64), "no datatype is complex64"),
        (np.array(["a"]), "no datatype is <U1"),
        (np.float32(1), "the first dimension of an array is its rows"),
    ],
)
def test_an_array_that_makes_no_tensor_is_refused(array: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Tensor.of(array)

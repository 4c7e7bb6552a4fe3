"""Batches on the wire, sound ones and those that a hostile caller would send."""

from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from convoy import Batch, Code, ConvoyError, Datatype, Tensor
from convoy.v1 import batch_pb2 as pb
from convoy.wire import read_batch, write_batch
from tests.unit.convoy.strategies import batches, parts

pytestmark = pytest.mark.timeout(20)


def through_bytes(batch: Batch) -> Batch:
    message = pb.Batch()
    write_batch(batch, message)
    return read_batch(pb.Batch.FromString(message.SerializeToString()))


def int64(*values: int) -> bytes:
    return np.array(values, "<i8").tobytes()


@given(batches())
def test_a_batch_comes_back_from_its_bytes(case: tuple[Batch, dict[str, list[Any]]]) -> None:
    batch, lists = case
    read = through_bytes(batch)
    assert read.rows == batch.rows
    assert {name: tensor.tolist() for name, tensor in read.columns.items()} == lists
    for name, tensor in batch.columns.items():
        assert read[name].datatype is tensor.datatype
        assert read[name].shape == tensor.shape
        assert read[name].data.tobytes() == tensor.data.tobytes()
    assert {row: parts(e) for row, e in read.failures.items()} == {
        row: parts(e) for row, e in batch.failures.items()
    }
    assert read.degradations == batch.degradations


@pytest.mark.parametrize("datatype", list(Datatype))
@pytest.mark.parametrize("shape", [(), (2,), (-1,), (-1, 2)])
def test_no_rows_at_all_come_back(datatype: Datatype, shape: tuple[int, ...]) -> None:
    read = through_bytes(Batch(rows=0, columns={"x": Tensor.zeros(0, datatype, shape)}))
    assert read["x"].tolist() == []
    assert read["x"].shape == shape


def test_reading_copies_nothing() -> None:
    read = through_bytes(Batch(rows=2, columns={"n": Tensor.pack([1, 2], Datatype.INT64)}))
    assert not read["n"].data.flags.owndata
    assert not read["n"].data.flags.writeable


def test_every_faulty_field_is_named_by_its_path() -> None:
    message = pb.Batch(
        rows=1,
        tensors=[
            pb.Tensor(name="sound", datatype=pb.DATATYPE_UINT8, data=b"a"),
            pb.Tensor(name="typeless", data=b"a"),
            pb.Tensor(name="unknown", datatype=99, data=b"a"),
            pb.Tensor(name="odd", datatype=pb.DATATYPE_INT16, data=b"abc"),
            pb.Tensor(name="sound", datatype=pb.DATATYPE_UINT8, data=b"a"),
            pb.Tensor(datatype=pb.DATATYPE_UINT8, data=b"ab"),
            pb.Tensor(name="cut", datatype=pb.DATATYPE_UINT8, shape=[-1], row_splits=b"abc"),
            pb.Tensor(name="text", datatype=pb.DATATYPE_BYTES, data=b"ab", offsets=int64(0, 1)),
        ],
    )
    with pytest.raises(ConvoyError) as caught:
        read_batch(message, "request.batch")
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.reason == "INVALID_TENSOR"
    assert {v.field: v.description.partition(":")[0] for v in caught.value.violations} == {
        "request.batch.tensors[1]": "typeless",
        "request.batch.tensors[2]": "unknown",
        "request.batch.tensors[3]": "odd",
        "request.batch.tensors[4]": "sound",
        "request.batch.tensors[5]": "a tensor without a name",
        "request.batch.tensors[6]": "cut",
        "request.batch.tensors[7]": "text",
    }


def test_a_failure_of_a_row_that_there_is_not_is_refused() -> None:
    """It would be laid to a neighbour's row once batches are joined."""
    message = pb.Batch(rows=1, failures=[pb.RowFailure(row=0), pb.RowFailure(row=1)])
    with pytest.raises(ConvoyError) as caught:
        read_batch(message)
    assert [v.field for v in caught.value.violations] == ["batch.failures"]


def test_a_degradation_of_a_row_that_there_is_not_is_refused() -> None:
    message = pb.Batch(rows=1, degradations=[pb.Degradation(step="rank", rows=[0, 7])])
    with pytest.raises(ConvoyError) as caught:
        read_batch(message)
    assert [v.field for v in caught.value.violations] == ["batch.degradations"]


# What a hostile caller sends

SIZES = st.sampled_from([-(2**63), -5, -1, 0, 1, 2, 3, 7, 2**31, 2**40, 2**63 - 1])
ENDS = st.lists(st.one_of(st.integers(0, 4), SIZES), max_size=5).map(lambda ends: int64(*ends))
TENSORS = st.builds(
    pb.Tensor,
    name=st.sampled_from(["", "a", "b", "c"]),
    datatype=st.integers(-1, 16),
    shape=st.lists(SIZES, max_size=3),
    data=st.binary(max_size=16),
    row_splits=ENDS | st.binary(max_size=9),
    offsets=ENDS | st.binary(max_size=9),
)
HOSTILE = st.builds(
    pb.Batch,
    rows=st.sampled_from([0, 1, 2, 3, 2**32 - 1]),
    tensors=st.lists(TENSORS, max_size=3),
)


def read(message: pb.Batch) -> Batch | ConvoyError:
    try:
        return read_batch(message)
    except ConvoyError as error:
        return error


def refused_or_usable(message: pb.Batch) -> None:
    batch = read(message)
    if isinstance(batch, ConvoyError):
        assert batch.code is Code.INVALID_ARGUMENT
        assert all(v.field.startswith("batch.") for v in batch.violations)
        return
    backwards = np.arange(min(batch.rows, 10))[::-1]
    for tensor in batch.columns.values():
        assert len(tensor.tolist()) == batch.rows
        tensor.take(backwards).check()


@given(HOSTILE)
def test_a_contradictory_batch_is_refused_and_a_sound_one_usable(message: pb.Batch) -> None:
    refused_or_usable(message)


@given(batches(), st.data())
def test_spoiled_bytes_are_refused_or_usable(
    case: tuple[Batch, dict[str, list[Any]]], data: st.DataObject
) -> None:
    message = pb.Batch()
    write_batch(case[0], message)
    raw = bytearray(message.SerializeToString())
    for _ in range(data.draw(st.integers(0, 3)) if raw else 0):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        spoiled = pb.Batch.FromString(bytes(raw))
    except DecodeError:
        return
    refused_or_usable(spoiled)


@given(st.binary(max_size=64))
def test_any_bytes_that_parse_are_refused_or_usable(raw: bytes) -> None:
    try:
        message = pb.Batch.FromString(raw)
    except DecodeError:
        return
    refused_or_usable(message)


@pytest.mark.parametrize(
    ("shape", "rows"),
    [
        ([2**40, 2**40], 1),
        ([2**62] * 4, 2**32 - 1),
        ([-5], 1),
        ([2**40] * 200_000, 1),  # the product alone would take minutes
        ([1] * 200_000, 1),
        ([0], 2**32 - 1),
        ([], 2**32 - 1),
    ],
)
@pytest.mark.parametrize("datatype", [pb.DATATYPE_FP64, pb.DATATYPE_BYTES])
def test_a_huge_shape_costs_nothing(shape: list[int], rows: int, datatype: int) -> None:
    tensor = pb.Tensor(name="x", datatype=datatype, shape=shape, data=bytes(8))
    with pytest.raises(ConvoyError, match=r"batch\.tensors\[0\]"):
        read_batch(pb.Batch(rows=rows, tensors=[tensor]))


def test_splits_that_reach_far_beyond_the_data_cost_nothing() -> None:
    tensor = pb.Tensor(
        name="x",
        datatype=pb.DATATYPE_BYTES,
        shape=[-1, 0],
        row_splits=int64(0, 2**62),
        offsets=int64(0),
    )
    with pytest.raises(ConvoyError, match=r"batch\.tensors\[0\]"):
        read_batch(pb.Batch(rows=1, tensors=[tensor]))

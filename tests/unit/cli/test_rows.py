"""Rows from the command line, and rows as they are shown."""

import json
from typing import Any

import pytest

from convoy import Batch, Code, ConvoyError, Datatype, Tensor
from convoy.datatype import TO_WIRE
from convoy.v1 import pipeline_pb2 as pb
from convoy_services.cli.rows import as_json, as_text, from_elements, from_json

TEXT = pb.ColumnSpec(name="text", datatype=TO_WIRE[Datatype.BYTES])
SIZE = pb.ColumnSpec(name="size", datatype=TO_WIRE[Datatype.INT32], optional=True)
IDS = pb.ColumnSpec(name="ids", datatype=TO_WIRE[Datatype.INT64], shape=[-1])

EMBED = pb.DescribeResponse(pipeline="embed", inputs=[TEXT, SIZE])
PROMPT = pb.ColumnSpec(name="prompt", datatype=TO_WIRE[Datatype.BYTES], optional=True)

RANK = pb.DescribeResponse(pipeline="rank", inputs=[TEXT, IDS])


def test_texts_fill_the_column_that_must_be_given() -> None:
    assert from_elements(["a", b"\xff"], EMBED)["text"].elements() == [b"a", b"\xff"]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ('{"text": ["a", "b"], "size": [1, 2]}', {"text": [b"a", b"b"], "size": [1, 2]}),
        (
            '[{"text": "a", "size": 1}, {"text": "b", "size": 2}]',
            {"text": [b"a", b"b"], "size": [1, 2]},
        ),
        ('["a", "b"]', {"text": [b"a", b"b"]}),
    ],
)
def test_json_is_columns_or_rows_or_values(text: str, columns: dict[str, Any]) -> None:
    batch = from_json(text, EMBED)
    assert {name: tensor.tolist() for name, tensor in batch.columns.items()} == columns


def test_ragged_columns_take_lists() -> None:
    batch = from_json('{"text": ["a", "b"], "ids": [[1, 2], []]}', RANK)
    assert batch["ids"].tolist() == [[1, 2], []]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "this is no JSON"),
        ("3", "a list of rows"),
        ("[]", "a list of rows"),
        ('{"txt": ["a"]}', "there is no input 'txt'; there are: text, size"),
        ('{"text": "a"}', "a list with a value for each row"),
        ('{"text": [1]}', "text BYTES []: "),
        ('{"text": ["a"], "size": [1, 2]}', "the columns differ in their rows"),
        ('[{"text": "a"}, {"size": 1}]', "the rows differ in their columns"),
        ('["a", {"text": "b"}]', "each row is an object"),
    ],
)
def test_what_does_not_fit_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        from_json(text, EMBED)


def test_texts_need_a_single_column() -> None:
    with pytest.raises(ValueError, match="rank takes text, ids"):
        from_elements(["a"], RANK)


def test_a_prompt_is_what_is_given_where_nothing_must_be() -> None:
    """`convoy call generation --text Hello` was refused: "generation takes : …"."""
    write = pb.DescribeResponse(pipeline="generation", inputs=[SIZE, PROMPT])
    assert from_elements(["Hello"], write)["prompt"].strings() == ["Hello"]
    assert from_json('["Hello"]', write)["prompt"].strings() == ["Hello"]


def test_texts_need_a_column_that_takes_them_where_nothing_must_be_given() -> None:
    numbers = pb.ColumnSpec(name="prompt", datatype=TO_WIRE[Datatype.INT64], optional=True)
    with pytest.raises(ValueError, match="other takes size, prompt: give them with --json"):
        from_elements(["a"], pb.DescribeResponse(pipeline="other", inputs=[SIZE, numbers]))


def test_rows_are_shown_short_and_written_whole() -> None:
    batch = Batch(
        rows=2,
        columns={
            "text": Tensor.texts(["é" * 100, b"\xff\x00"]),
            "vector": Tensor.pack([[0.25] * 9] * 2, Datatype.FP32, [9]),
        },
    )
    assert as_text(batch)[0]["vector"] == "[0.25, 0.25, 0.25, 0.25, … 9 in all]"
    assert as_text(batch)[0]["text"] == "é" * 59 + "…"
    assert as_text(batch)[1]["text"] == "2 bytes"
    assert json.loads(json.dumps(as_json(batch))) == [
        {"text": "é" * 100, "vector": [0.25] * 9},
        {"text": {"base64": "/wA="}, "vector": [0.25] * 9},
    ]


@pytest.mark.parametrize("datatype", [Datatype.BF16, Datatype.FP16, Datatype.INT8, Datatype.BOOL])
def test_every_number_can_be_written(datatype: Datatype) -> None:
    batch = Batch(rows=1, columns={"x": Tensor.pack([1], datatype)})
    assert json.loads(json.dumps(as_json(batch))) == [{"x": 1}]


def test_a_row_that_failed_shows_its_error() -> None:
    error = ConvoyError(Code.INVALID_ARGUMENT, "too long", "TOO_LONG", "tokenize")
    batch = Batch(rows=1, columns={"x": Tensor.pack([1], Datatype.INT8)}, failures={0: error})
    assert as_json(batch) == [{"error": "INVALID_ARGUMENT TOO_LONG (stage tokenize): too long"}]
    assert as_text(batch) == [{}]

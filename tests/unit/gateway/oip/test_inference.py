"""Inference over HTTP: elements as JSON and as bytes, and what is refused."""

import json
import struct
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from convoy import Code, ConvoyError, Datatype, Violation
from convoy.datatype import DTYPES
from convoy.oip.v2 import inference_pb2 as pb
from convoy_gateway.oip.binary import HEADER
from tests.unit.gateway.oip.fake import INFER, FakeMesh, client, echo, tensor, with_tail


def lengths_first(*elements: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


def extremes(dtype: Any) -> list[Any]:
    bounds = np.iinfo(dtype)
    return [int(bounds.min), 0, int(bounds.max)]


INTEGERS = [d for d in Datatype if DTYPES[d].kind in "iu" and d is not Datatype.BYTES]

ALL: list[tuple[Datatype, list[Any], bytes]] = [
    (Datatype.BOOL, [True, False, True], b"\1\0\1"),
    *(
        (d, extremes(DTYPES[d]), np.array(extremes(DTYPES[d]), DTYPES[d]).tobytes())
        for d in INTEGERS
    ),
    (Datatype.FP16, [-0.5, 65504.0, 0.0], np.array([-0.5, 65504.0, 0.0], "<f2").tobytes()),
    (
        Datatype.BF16,
        [-0.5, 2.0**127, 3.0],
        np.array([-0.5, 2.0**127, 3.0], ml_dtypes.bfloat16).tobytes(),
    ),
    (Datatype.FP32, [-0.5, 2.0**127, 3.0], struct.pack("<3f", -0.5, 2.0**127, 3.0)),
    (Datatype.FP64, [-0.1, 1e308, 3.0], struct.pack("<3d", -0.1, 1e308, 3.0)),
    (Datatype.BYTES, ["one", "", "Grüße \0"], lengths_first(b"one", b"", "Grüße \0".encode())),
]


def test_every_type_is_tried() -> None:
    assert {datatype for datatype, _, _ in ALL} == set(Datatype)


@pytest.mark.parametrize(("datatype", "values", "raw"), ALL)
def test_json_is_raw_to_the_mesh_and_json_again(
    datatype: Datatype, values: list[Any], raw: bytes
) -> None:
    mesh = FakeMesh(ModelInfer=echo)
    answer = client(mesh).post(INFER, json={"inputs": [tensor(datatype, [3], values)]})
    assert answer.status_code == 200
    assert list(mesh.asked[0].raw_input_contents) == [raw]
    assert not mesh.asked[0].inputs[0].HasField("contents")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "model_name": "echo",
        "model_version": "1",
        "outputs": [{"name": "x", "datatype": datatype, "shape": [3], "data": values}],
    }


@pytest.mark.parametrize(("datatype", "values", "raw"), ALL)
def test_bytes_stay_as_they_are(datatype: Datatype, values: list[Any], raw: bytes) -> None:
    mesh = FakeMesh(ModelInfer=echo)
    given = tensor(datatype, [3], parameters={"binary_data_size": len(raw)})
    asked = {"inputs": [given], "parameters": {"binary_data_output": True}}
    answer = client(mesh).post(INFER, **with_tail(asked, raw))
    assert answer.status_code == 200
    assert list(mesh.asked[0].raw_input_contents) == [raw]
    assert not mesh.asked[0].parameters
    assert not mesh.asked[0].inputs[0].parameters
    assert answer.headers["content-type"] == "application/octet-stream"
    ends = int(answer.headers[HEADER])
    assert answer.content[ends:] == raw
    assert json.loads(answer.content[:ends])["outputs"] == [
        {
            "name": "x",
            "datatype": datatype,
            "shape": [3],
            "parameters": {"binary_data_size": len(raw)},
        }
    ]


@pytest.mark.parametrize(
    ("shape", "data"),
    [
        ([2, 3], [1, 2, 3, 4, 5, 6]),
        ([2, 3], [[1, 2, 3], [4, 5, 6]]),
        ([1, 2, 3], [[[1, 2, 3], [4, 5, 6]]]),
        ([6, 1], [[1], [2], [3], [4], [5], [6]]),
    ],
)
def test_data_may_be_nested_as_the_shape_says(shape: list[int], data: list[Any]) -> None:
    mesh = FakeMesh(ModelInfer=echo)
    answer = client(mesh).post(INFER, json={"inputs": [tensor("INT16", shape, data)]})
    assert list(mesh.asked[0].raw_input_contents) == [np.arange(1, 7, dtype="<i2").tobytes()]
    (output,) = answer.json()["outputs"]
    assert (output["shape"], output["data"]) == (shape, [1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize(
    ("shape", "data"), [([0], []), ([0, 3], []), ([2, 0], [[], []]), ([1 << 62, 0, 1 << 62], [])]
)
def test_there_may_be_no_elements(shape: list[int], data: list[Any]) -> None:
    """That rows are there is for the mesh to say."""
    mesh = FakeMesh(ModelInfer=echo)
    answer = client(mesh).post(INFER, json={"inputs": [tensor("FP32", shape, data)]})
    assert list(mesh.asked[0].raw_input_contents) == [b""]
    assert answer.json()["outputs"][0]["data"] == []


def test_floats_may_be_written_as_integers() -> None:
    answer = client(FakeMesh(ModelInfer=echo)).post(
        INFER, json={"inputs": [tensor("FP32", [2], [1, 2.5])]}
    )
    assert answer.json()["outputs"][0]["data"] == [1.0, 2.5]


def test_outputs_say_each_how_they_come() -> None:
    mesh = FakeMesh(ModelInfer=echo)
    inputs = [{**tensor("INT8", [1], [n]), "name": name} for n, name in enumerate("abcd")]
    outputs = [
        {"name": "a"},
        {"name": "b", "parameters": {"binary_data": False}},
        {"name": "c", "parameters": {"binary_data": True}},
    ]
    asked = {"inputs": inputs, "outputs": outputs, "parameters": {"binary_data_output": True}}
    answer = client(mesh).post(INFER, json=asked)
    ends = int(answer.headers[HEADER])
    told = {
        output["name"]: output.get("data")
        for output in json.loads(answer.content[:ends])["outputs"]
    }
    assert told == {"a": None, "b": [1], "c": None}
    assert answer.content[ends:] == b"\0\2"
    assert not any(output.parameters for output in mesh.asked[0].outputs)


def test_json_and_bytes_may_be_mixed() -> None:
    mesh = FakeMesh(ModelInfer=echo)
    inputs = [
        {**tensor("UINT8", [2]), "name": "a", "parameters": {"binary_data_size": 2}},
        {**tensor("UINT8", [1], [7]), "name": "b"},
        {**tensor("UINT8", [1]), "name": "c", "parameters": {"binary_data_size": 1}},
    ]
    answer = client(mesh).post(INFER, **with_tail({"inputs": inputs}, b"\1\2", b"\3"))
    assert answer.status_code == 200
    assert list(mesh.asked[0].raw_input_contents) == [b"\1\2", b"\7", b"\3"]


def test_ids_versions_and_parameters_reach_the_mesh() -> None:
    mesh = FakeMesh(ModelInfer=echo)
    values = {"a": True, "b": -(1 << 63), "c": 1.5, "d": "text", "e": (1 << 64) - 1}
    given = tensor("INT8", [1], [0], parameters={"mine": 1})
    outputs = [{"name": "x", "parameters": {"classification": 3}}]
    asked = {"id": "seven", "parameters": values, "inputs": [given], "outputs": outputs}
    answer = client(mesh).post("/v2/models/a%20b/versions/3/infer", json=asked)
    assert (answer.json()["id"], answer.json()["model_version"]) == ("seven", "3")
    request = mesh.asked[0]
    assert (request.model_name, request.model_version, request.id) == ("a b", "3", "seven")
    assert request.parameters["a"] == pb.InferParameter(bool_param=True)
    assert request.parameters["b"] == pb.InferParameter(int64_param=-(1 << 63))
    assert request.parameters["c"] == pb.InferParameter(double_param=1.5)
    assert request.parameters["d"] == pb.InferParameter(string_param="text")
    assert request.parameters["e"] == pb.InferParameter(uint64_param=(1 << 64) - 1)
    assert request.inputs[0].parameters["mine"].int64_param == 1
    assert request.outputs[0].parameters["classification"].int64_param == 3


def test_the_responses_parameters_are_told() -> None:
    def degraded(asked: pb.ModelInferRequest) -> pb.ModelInferResponse:
        response = echo(asked)
        response.parameters["convoy_degraded"].string_param = "rank"
        response.outputs[0].parameters["scale"].double_param = 0.5
        return response

    answer = client(FakeMesh(ModelInfer=degraded)).post(
        INFER, json={"inputs": [tensor("INT8", [1], [0])]}
    )
    assert answer.json()["parameters"] == {"convoy_degraded": "rank"}
    assert answer.json()["outputs"][0]["parameters"] == {"scale": 0.5}


def test_what_lies_in_shared_memory_is_the_meshs_to_refuse() -> None:
    mesh = FakeMesh(ModelInfer=echo)
    region = {"shared_memory_region": "r", "shared_memory_byte_size": 4}
    client(mesh).post(INFER, json={"inputs": [tensor("FP32", [1], parameters=region)]})
    assert mesh.asked[0].inputs[0].parameters["shared_memory_region"].string_param == "r"


def test_nulls_are_as_if_left_out() -> None:
    given = tensor("INT8", [1], [0], parameters=None)
    asked = {"id": None, "parameters": None, "inputs": [given], "outputs": None, "model_name": "y"}
    assert client(FakeMesh(ModelInfer=echo)).post(INFER, json=asked).status_code == 200


def test_timing_and_metadata_travel() -> None:
    mesh = FakeMesh(ModelInfer=echo)
    mesh.trailers = {"convoy-timing": "total;dur=1.0"}
    for more in ({}, {"parameters": {"binary_data_output": True}}):
        asked = {"inputs": [tensor("INT8", [1], [0])], **more}
        answer = client(mesh).post(INFER, json=asked, headers={"convoy-priority": "2"})
        assert answer.headers["convoy-timing"] == "total;dur=1.0"
        assert mesh.calls[-1].metadata == {"convoy-priority": "2"}


def test_fields_that_the_mesh_finds_faulty_have_their_names_here() -> None:
    """The elements went raw, in a field that HTTP knows nothing of."""
    error = ConvoyError(
        Code.INVALID_ARGUMENT,
        "raw_input_contents[1]: too long",
        "INVALID_TENSOR",
        "encode",
        [Violation("raw_input_contents[1]", "too long"), Violation("inputs[0].shape", "0 rows")],
        metadata={"id": "7"},
    )
    answer = client(FakeMesh(ModelInfer=error)).post(INFER, json={"inputs": [GOOD, GOOD]})
    assert answer.json() == {
        "error": "inputs[1].data: too long",
        "code": "INVALID_ARGUMENT",
        "reason": "INVALID_TENSOR",
        "stage": "encode",
        "violations": [
            {"field": "inputs[1].data", "description": "too long"},
            {"field": "inputs[0].shape", "description": "0 rows"},
        ],
    }


@pytest.mark.parametrize("datatype", ["FP16", "BF16", "FP32", "FP64"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_cannot_be_json(datatype: str, value: float) -> None:
    raw = np.array([1, value], DTYPES[Datatype(datatype)]).tobytes()
    given = tensor(datatype, [2], parameters={"binary_data_size": len(raw)})
    answer = client(FakeMesh(ModelInfer=echo)).post(INFER, **with_tail({"inputs": [given]}, raw))
    assert answer.status_code == 400
    told = answer.json()
    assert (told["code"], told["reason"]) == ("FAILED_PRECONDITION", "NOT_JSON")
    assert "binary_data" in told["error"]


def test_bytes_that_are_no_text_cannot_be_json() -> None:
    raw = lengths_first(b"a", b"\xff")
    given = tensor("BYTES", [2], parameters={"binary_data_size": len(raw)})
    answer = client(FakeMesh(ModelInfer=echo)).post(INFER, **with_tail({"inputs": [given]}, raw))
    assert (answer.status_code, answer.json()["reason"]) == (400, "NOT_JSON")
    assert "element 1" in answer.json()["error"]


DATA, SIZE = "inputs[0].data", "inputs[0].parameters[binary_data_size]"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (tensor("INT8", [1]), DATA),
        (tensor("INT8", [2], [1]), DATA),
        (tensor("INT8", [1], [1, 2]), DATA),
        (tensor("INT8", [1 << 40, 1 << 40], [1]), DATA),
        (tensor("INT8", [(1 << 63) - 1] * 33, [1]), DATA),
        (tensor("INT8", [], []), DATA),
        (tensor("INT8", [2, 2], [[1, 2], [3]]), DATA),
        (tensor("INT8", [2, 2], [[1, 2], 3, 4]), DATA),
        (tensor("INT8", [2, 2], [1, 2, [3, 4]]), DATA),
        (tensor("INT8", [4, 1], [[1, 2], [3, 4]]), DATA),
        (tensor("INT8", [4], [[1, 2], [3, 4]]), DATA),
        (tensor("INT8", [1, 2, 2], [[1, 2, 3, 4]]), DATA),
        (tensor("INT8", [2, 2, 1], [[1, 2], [3, 4]]), DATA),
        (tensor("INT8", [2, 0], [[], [], []]), DATA),
        (tensor("INT8", [1], [{"a": 1}]), DATA),
        (tensor("INT8", [1], [None]), DATA),
        (tensor("INT8", [1], 1), DATA),
        (tensor("INT8", [1], "1"), DATA),
        (tensor("INT8", [1], [128]), DATA),
        (tensor("INT8", [2], [1, -129]), DATA),
        (tensor("INT8", [1], [1.0]), DATA),
        (tensor("INT8", [1], [True]), DATA),
        (tensor("INT8", [1], ["1"]), DATA),
        (tensor("UINT8", [1], [256]), DATA),
        (tensor("UINT8", [1], [-1]), DATA),
        (tensor("UINT64", [1], [-1]), DATA),
        (tensor("UINT64", [1], [1 << 64]), DATA),
        (tensor("INT64", [1], [1 << 63]), DATA),
        (tensor("INT64", [1], [10**400]), DATA),
        (tensor("BOOL", [1], [1]), DATA),
        (tensor("BOOL", [1], ["true"]), DATA),
        (tensor("FP16", [1], [65520]), DATA),
        (tensor("BF16", [1], [3.4e38]), DATA),
        (tensor("FP32", [1], [1e39]), DATA),
        (tensor("FP64", [1], [10**400]), DATA),
        (tensor("FP64", [1], ["1.0"]), DATA),
        (tensor("FP64", [1], [False]), DATA),
        (tensor("BYTES", [1], [1]), DATA),
        (tensor("BYTES", [1], [None]), DATA),
        (tensor("INT8", [1], [1], parameters={"binary_data_size": 1}), SIZE),
        (tensor("INT8", [1], parameters={"binary_data_size": 1}), SIZE),
        (tensor("INT8", [1], parameters={"binary_data_size": -1}), SIZE),
        (tensor("INT8", [1], parameters={"binary_data_size": True}), SIZE),
        (tensor("INT8", [1], parameters={"binary_data_size": "1"}), SIZE),
        (tensor("INT8", [-1], [1]), "inputs[0].shape[0]"),
        (tensor("INT8", [1, 1 << 63], [1]), "inputs[0].shape[1]"),
        (tensor("INT8", [1.5], [1]), "inputs[0].shape[0]"),
        (tensor("INT8", [True], [1]), "inputs[0].shape[0]"),
        (tensor("INT8", ["1"], [1]), "inputs[0].shape[0]"),
        (tensor("INT8", [1] * 34, [1]), "inputs[0].shape"),
        (tensor("INT128", [1], [1]), "inputs[0].datatype"),
        (tensor("INT8", [1], [1], parameters={"p": [1]}), "inputs[0].parameters[p]"),
        (tensor("INT8", [1], [1], parameters={"p": None}), "inputs[0].parameters[p]"),
        (tensor("INT8", [1], [1], parameters={"p": 1 << 64}), "inputs[0].parameters[p]"),
        (tensor("INT8", [1], [1], parameters=[]), "inputs[0].parameters"),
        ({"datatype": "INT8", "shape": [1], "data": [1]}, "inputs[0].name"),
        ("x", "inputs[0]"),
    ],
)
def test_a_faulty_input_is_named(given: Any, field: str) -> None:
    mesh = FakeMesh(ModelInfer=echo)
    answer = client(mesh).post(INFER, json={"inputs": [given]})
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == "INVALID_ARGUMENT"
    assert [violation["field"] for violation in answer.json()["violations"]] == [field]
    assert not mesh.asked


GOOD = tensor("INT8", [1], [1])
TWO = tensor("INT8", [2], parameters={"binary_data_size": 2})
TEXTS = tensor("BYTES", [2], parameters={"binary_data_size": 7})


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "inputs"),
        ({"inputs": {}}, "inputs"),
        ({"inputs": [GOOD], "id": 7}, "id"),
        ({"inputs": [GOOD], "parameters": {"a": {}}}, "parameters[a]"),
        (
            {"inputs": [GOOD], "parameters": {"binary_data_output": 1}},
            "parameters[binary_data_output]",
        ),
        ({"inputs": [GOOD], "outputs": [{}]}, "outputs[0].name"),
        (
            {"inputs": [GOOD], "outputs": [{"name": "x", "parameters": {"binary_data": "yes"}}]},
            "outputs[0].parameters[binary_data]",
        ),
        (
            {"inputs": [GOOD], "outputs": [{"name": "x", "parameters": {"p": []}}]},
            "outputs[0].parameters[p]",
        ),
    ],
)
def test_a_faulty_field_is_named(asked: Any, field: str) -> None:
    answer = client(FakeMesh(ModelInfer=echo)).post(INFER, json=asked)
    assert answer.status_code == 400, answer.text
    assert [violation["field"] for violation in answer.json()["violations"]] == [field]


@pytest.mark.parametrize(
    ("inputs", "raw", "field"),
    [
        ([TWO], b"\1", SIZE),
        ([TWO], b"", SIZE),
        ([TWO], b"\1\2\3", "inputs"),
        ([GOOD], b"\1", "inputs"),
        ([TWO, TWO], b"\1\2\3", "inputs[1].parameters[binary_data_size]"),
        ([{**TWO, "shape": [3]}], b"\1\2", SIZE),
        ([{**TWO, "shape": [1 << 62] * 8}], b"\1\2", SIZE),
        ([{**TWO, "datatype": "FP32"}], b"\1\2", SIZE),
        ([TEXTS], b"1234567", SIZE),
    ],
)
def test_bytes_that_do_not_fit_are_named(inputs: list[Any], raw: bytes, field: str) -> None:
    mesh = FakeMesh(ModelInfer=echo)
    answer = client(mesh).post(INFER, **with_tail({"inputs": inputs}, raw))
    assert answer.status_code == 400, answer.text
    assert [violation["field"] for violation in answer.json()["violations"]] == [field]
    assert not mesh.asked


@pytest.mark.parametrize("header", ["", "x", "-1", "1.5", "²", "1e3", "1000000", "9" * 5000])
def test_a_faulty_length_is_named(header: str) -> None:
    answer = client(FakeMesh(ModelInfer=echo)).post(
        INFER, json={"inputs": [GOOD]}, headers={HEADER: header.encode()}
    )
    assert answer.status_code == 400
    assert [violation["field"] for violation in answer.json()["violations"]] == [HEADER]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"inputs": [NaN]}', b"\xff", b'{"id": "\\ud800", "inputs": []}']
)
def test_what_is_no_json_is_refused(content: bytes) -> None:
    answer = client(FakeMesh(ModelInfer=echo)).post(INFER, content=content)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_ARGUMENT")

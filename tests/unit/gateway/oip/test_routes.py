"""The protocol's other paths, and what OpenAPI says of all."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from convoy import Code, ConvoyError
from convoy.oip.v2 import inference_pb2 as pb
from convoy.oip.v2 import model_config_pb2 as config_pb
from tests.unit.gateway.oip.fake import UNAVAILABLE, FakeMesh, client, echo, tensor

TENSOR = pb.ModelMetadataResponse.TensorMetadata(name="x", datatype="FP32", shape=[-1, 3])

METADATA = pb.ModelMetadataResponse(
    name="m", versions=["1"], platform="convoy", inputs=[TENSOR], outputs=[TENSOR]
)

CONFIG = config_pb.ModelConfig(
    name="m",
    max_batch_size=64,
    version_policy=config_pb.ModelVersionPolicy(
        latest=config_pb.ModelVersionPolicy.Latest(num_versions=1)
    ),
    input=[config_pb.ModelInput(name="x", data_type="TYPE_FP32", dims=[3])],
    dynamic_batching=config_pb.ModelDynamicBatching(priority_levels=3),
    parameters={"a": config_pb.ModelParameter(string_value="b")},
)

STATISTICS = pb.ModelStatisticsResponse(
    model_stats=[
        pb.ModelStatistics(
            name="m",
            version="1",
            last_inference=1 << 41,
            inference_count=5,
            inference_stats=pb.InferStatistics(success=pb.StatisticDuration(count=2, ns=7)),
            batch_stats=[pb.InferBatchStatistics(batch_size=4)],
        )
    ]
)

INDEX = pb.RepositoryIndexResponse(
    models=[
        pb.RepositoryIndexResponse.ModelIndex(name="a", version="1", state="READY"),
        pb.RepositoryIndexResponse.ModelIndex(
            name="b", version="1", state="UNAVAILABLE", reason="it was unloaded"
        ),
    ]
)


def whole() -> FakeMesh:
    return FakeMesh(
        ServerLive=pb.ServerLiveResponse(live=True),
        ServerReady=pb.ServerReadyResponse(ready=True),
        ServerMetadata=pb.ServerMetadataResponse(
            name="convoy", version="1.0", extensions=["statistics"]
        ),
        ModelReady=pb.ModelReadyResponse(ready=True),
        ModelMetadata=METADATA,
        ModelConfig=pb.ModelConfigResponse(config=CONFIG),
        ModelStatistics=STATISTICS,
        ModelInfer=echo,
        RepositoryIndex=INDEX,
        RepositoryModelLoad=pb.RepositoryModelLoadResponse(),
        RepositoryModelUnload=pb.RepositoryModelUnloadResponse(),
    )


def test_the_server_is_told_with_what_http_adds() -> None:
    assert client(whole()).get("/v2").json() == {
        "name": "convoy",
        "version": "1.0",
        "extensions": ["statistics", "binary_tensor_data"],
    }


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
def test_health_is_a_status(ready: bool, status: int) -> None:
    mesh = FakeMesh(
        ServerLive=pb.ServerLiveResponse(live=ready),
        ServerReady=pb.ServerReadyResponse(ready=ready),
        ModelReady=pb.ModelReadyResponse(ready=ready),
    )
    http = client(mesh)
    for path, told in (
        ("/v2/health/live", {"live": ready}),
        ("/v2/health/ready", {"ready": ready}),
        ("/v2/models/m/ready", {"name": "m", "ready": ready}),
    ):
        answer = http.get(path)
        assert (answer.status_code, answer.json()) == (status, told)


def test_a_model_is_told() -> None:
    told = {"name": "x", "datatype": "FP32", "shape": [-1, 3]}
    assert client(whole()).get("/v2/models/m").json() == {
        "name": "m",
        "versions": ["1"],
        "platform": "convoy",
        "inputs": [told],
        "outputs": [told],
    }


def test_a_configuration_is_told_as_triton_does() -> None:
    """Names as in the proto, numbers as numbers, defaults too, submessages where they are."""
    told = client(whole()).get("/v2/models/m/config").json()
    assert (told["name"], told["max_batch_size"], told["backend"]) == ("m", 64, "")
    assert told["version_policy"] == {"latest": {"num_versions": 1}}
    assert told["input"][0]["data_type"] == "TYPE_FP32"
    assert told["input"][0]["dims"] == [3]
    assert told["dynamic_batching"]["priority_levels"] == 3
    assert told["parameters"] == {"a": {"string_value": "b"}}
    assert "model_transaction_policy" not in told


def test_statistics_are_told_with_every_duration() -> None:
    (told,) = client(whole()).get("/v2/models/m/stats").json()["model_stats"]
    assert (told["last_inference"], told["inference_count"]) == (1 << 41, 5)
    assert told["inference_stats"]["success"] == {"count": 2, "ns": 7}
    assert told["inference_stats"]["cache_hit"] == {"count": 0, "ns": 0}
    assert (told["batch_stats"][0]["batch_size"], told["memory_usage"]) == (4, [])


@pytest.mark.parametrize(
    ("path", "method", "name", "version"),
    [
        ("/v2/models/m", "ModelMetadata", "m", ""),
        ("/v2/models/m/versions/7", "ModelMetadata", "m", "7"),
        ("/v2/models/m/ready", "ModelReady", "m", ""),
        ("/v2/models/m/versions/7/ready", "ModelReady", "m", "7"),
        ("/v2/models/m/config", "ModelConfig", "m", ""),
        ("/v2/models/m/versions/7/config", "ModelConfig", "m", "7"),
        ("/v2/models/m/stats", "ModelStatistics", "m", ""),
        ("/v2/models/m/versions/7/stats", "ModelStatistics", "m", "7"),
        ("/v2/models/stats", "ModelStatistics", "", ""),
        ("/v2/models/stats/config", "ModelConfig", "stats", ""),
        ("/v2/models/gr%C3%BC%C3%9Fe%3F", "ModelMetadata", "grüße?", ""),
    ],
)
def test_the_path_names_model_and_version(path: str, method: str, name: str, version: str) -> None:
    mesh = whole()
    assert client(mesh).get(path).status_code == 200
    (asked,) = mesh.asked
    assert type(asked).__name__ == f"{method}Request"
    assert (asked.name, asked.version) == (name, version)


@pytest.mark.parametrize(
    ("body", "ready"), [(b"", False), (b"{}", False), (b'{"ready": true}', True)]
)
def test_the_index_is_a_list(body: bytes, ready: bool) -> None:
    mesh = whole()
    answer = client(mesh).post("/v2/repository/index", content=body)
    assert answer.json() == [
        {"name": "a", "version": "1", "state": "READY", "reason": ""},
        {"name": "b", "version": "1", "state": "UNAVAILABLE", "reason": "it was unloaded"},
    ]
    assert mesh.asked[0].ready is ready


@pytest.mark.parametrize("version", ["3", 3])
def test_models_are_loaded_with_a_version(version: str | int) -> None:
    mesh = whole()
    answer = client(mesh).post(
        "/v2/repository/models/m/load", json={"parameters": {"version": version}}
    )
    assert (answer.status_code, answer.json()) == (200, {})
    parameter = mesh.asked[0].parameters["version"]
    assert version in (parameter.string_param, parameter.int64_param)
    assert mesh.asked[0].model_name == "m"


@pytest.mark.parametrize("content", [b"", b"{}", b'{"parameters": {"unload_dependents": false}}'])
def test_models_are_unloaded(content: bytes) -> None:
    mesh = whole()
    answer = client(mesh).post("/v2/repository/models/m/unload", content=content)
    assert (answer.status_code, mesh.asked[0].model_name) == (200, "m")


@pytest.mark.parametrize("value", [1.5, 1 << 63, [], None])
def test_parameters_that_the_repository_cannot_take_are_named(value: Any) -> None:
    answer = client(whole()).post(
        "/v2/repository/models/m/load", json={"parameters": {"version": value}}
    )
    assert answer.status_code == 400
    assert [violation["field"] for violation in answer.json()["violations"]] == [
        "parameters[version]"
    ]


PATHS = [
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/models/stats",
    *(
        f"/v2/models/{of}{what}"
        for of in ("{model}", "{model}/versions/{version}")
        for what in ("", "/ready", "/config", "/stats")
    ),
]


@pytest.mark.parametrize("path", PATHS)
def test_errors_of_the_mesh_reach_the_client(path: str) -> None:
    mesh = whole()
    mesh.replies = dict.fromkeys(mesh.replies, UNAVAILABLE)
    answer = client(mesh).get(path.format(model="m", version="1"))
    assert answer.status_code == 503
    assert answer.json() == {
        "error": "there is no mesh",
        "code": "UNAVAILABLE",
        "reason": "MESH_UNREACHABLE",
        "retry_after": 1.0,
    }


def test_what_there_is_not_is_not_found() -> None:
    error = ConvoyError(Code.NOT_FOUND, "there is no pipeline 'n'", "PIPELINE_NOT_FOUND")
    mesh = FakeMesh(ModelInfer=error)
    asked = {"inputs": [tensor("INT8", [1], [1])]}
    answer = client(mesh).post("/v2/models/n/infer", json=asked)
    assert (answer.status_code, answer.json()["reason"]) == (404, "PIPELINE_NOT_FOUND")


def described() -> dict[str, Any]:
    told = client(whole()).get("/openapi.json").json()
    assert isinstance(told, dict)
    return told


def references(part: Any) -> set[str]:
    if isinstance(part, list):
        return set().union(*map(references, part)) if part else set()
    if not isinstance(part, dict):
        return set()
    own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
    return own.union(*map(references, part.values()))


def test_openapi_resolves_and_names_no_status_that_is_never_given() -> None:
    told = described()
    components = {f"#/components/schemas/{name}" for name in told["components"]["schemas"]}
    assert references(told) <= components
    operations = [way for path in told["paths"].values() for way in path.values()]
    assert len(operations) == 17
    assert len({each["operationId"] for each in operations}) == 17
    for each in operations:
        assert each["summary"]
        assert "422" not in each["responses"]
        assert {"200", "400", "404", "429", "501", "503", "504"} <= each["responses"].keys()


def valid(told: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    Draft202012Validator({**schema, "components": told["components"]}).validate(value)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("fails", [False, True])
def test_answers_are_as_openapi_says(path: str, fails: bool) -> None:
    mesh = whole()
    if fails:
        mesh.replies = dict.fromkeys(mesh.replies, UNAVAILABLE)
    answer = client(mesh).get(path.format(model="m", version="1"))
    told = described()
    responses = told["paths"][path]["get"]["responses"]
    content = responses[str(answer.status_code)]["content"]
    valid(told, content[answer.headers["content-type"]]["schema"], answer.json())


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/v2/models/{model}/infer", {"inputs": [tensor("INT8", [1], [1])]}),
        ("/v2/models/{model}/infer", {"inputs": [tensor("BYTES", [1], ["a"])], "id": "7"}),
        ("/v2/models/{model}/infer", {"inputs": [tensor("BYTES", [2], ["a"])]}),
        ("/v2/repository/index", {"ready": True}),
        ("/v2/repository/models/{model}/load", {"parameters": {"version": 1}}),
        ("/v2/repository/models/{model}/unload", {}),
    ],
)
def test_requests_and_answers_are_as_openapi_says(path: str, asked: Any) -> None:
    told = described()
    operation = told["paths"][path]["post"]
    valid(told, operation["requestBody"]["content"]["application/json"]["schema"], asked)
    answer = client(whole()).post(path.replace("{model}", "m"), json=asked)
    content = operation["responses"][str(answer.status_code)]["content"]
    valid(told, content[answer.headers["content-type"]]["schema"], answer.json())

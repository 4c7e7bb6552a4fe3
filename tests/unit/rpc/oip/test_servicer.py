"""GRPCInferenceService over stages that add."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from convoy import Code, ConvoyError
from convoy.oip.v2 import inference_pb2 as pb
from convoy.oip.v2 import model_config_pb2 as config_pb
from convoy_services.rpc.call import Call
from convoy_services.rpc.dispatch import Local
from convoy_services.rpc.oip.servicer import InferenceServicer
from tests.unit.mesh.hosted import Hosted
from tests.unit.mesh.virtual_time import simulate
from tests.unit.rpc.oip.requests import encode, request, tensor

STAGES = "tests.unit.mesh.stages"
TEXT = f"""
stages:
  odd: {{class: "{STAGES}:Odd"}}
  add: {{class: "{STAGES}:Add", settings: {{refused: [13]}}}}
  name: {{class: "{STAGES}:Name"}}
  count: {{class: "{STAGES}:Count"}}
pipelines:
  p:
    steps:
      - {{stage: odd, from: [x]}}
      - {{stage: add, from: [x]}}
      - {{stage: name, from: {{x: y, prefix: prefix}}}}
    outputs: [y, name, odd]
    limits: {{rows: 100, bytes: 1MiB, timeout: 5s}}
  q:
    steps: [{{stage: count, from: [x]}}]
    outputs: [upto]
"""

Ask = Callable[[InferenceServicer, Hosted], Awaitable[Any]]


def ask(scenario: Ask, **seconds: float) -> Any:
    async def run() -> Any:
        hosted = Hosted.of(TEXT, **seconds)
        async with asyncio.timeout(600):
            return await scenario(InferenceServicer(hosted.mesh), hosted)

    return simulate(run())


def refused(scenario: Ask, **seconds: float) -> ConvoyError:
    with pytest.raises(ConvoyError) as caught:
        ask(scenario, **seconds)
    return caught.value


def infer(given: pb.ModelInferRequest, call: Call | None = None) -> Ask:
    return lambda servicer, _: servicer.ModelInfer(given, call or Call())


def numbers(*values: int, **more: Any) -> pb.ModelInferRequest:
    return request(tensor("x", "INT64", [len(values)], list(values)), **more)


# Inference


def test_typed_rows_are_answered_typed() -> None:
    response = ask(infer(numbers(1, 2, id="seven")))
    assert (response.model_name, response.model_version, response.id) == ("p", "1", "seven")
    y, name, odd = response.outputs
    assert (y.name, y.datatype, list(y.shape)) == ("y", "INT64", [2])
    assert list(y.contents.int64_contents) == [2, 3]
    assert list(name.contents.bytes_contents) == [b"no. 2", b"no. 3"]
    assert list(odd.contents.bool_contents) == [True, False]
    assert not response.raw_output_contents


def test_raw_rows_are_answered_raw() -> None:
    response = ask(infer(request(tensor("x", "INT64", [2]), raw=[encode([1, 2], "INT64")])))
    assert [list(output.shape) for output in response.outputs] == [[2], [2], [2]]
    assert list(response.raw_output_contents) == [
        encode([2, 3], "INT64"),
        encode([b"no. 2", b"no. 3"], "BYTES"),
        encode([True, False], "BOOL"),
    ]


def test_only_the_outputs_asked_for_come_back_in_their_order() -> None:
    wanted = [pb.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in ("odd", "y")]
    response = ask(infer(numbers(1, outputs=wanted)))
    assert [output.name for output in response.outputs] == ["odd", "y"]


@pytest.mark.parametrize("version", ["", "1"])
def test_there_is_one_version(version: str) -> None:
    assert ask(infer(numbers(1, model_version=version))).model_version == "1"


@pytest.mark.parametrize(
    ("given", "code", "reason"),
    [
        (numbers(1, model_name="nope"), Code.NOT_FOUND, "PIPELINE_NOT_FOUND"),
        (numbers(1, model_name=""), Code.NOT_FOUND, "PIPELINE_NOT_FOUND"),
        (numbers(1, model_version="2"), Code.NOT_FOUND, "VERSION_NOT_FOUND"),
        (numbers(*range(101)), Code.INVALID_ARGUMENT, "INVALID_TENSOR"),
    ],
)
def test_what_cannot_run_is_refused(given: pb.ModelInferRequest, code: Code, reason: str) -> None:
    error = refused(infer(given))
    assert (error.code, error.reason) == (code, reason)


def outputs(*names: str, **parameters: pb.InferParameter) -> dict[str, Any]:
    wanted = [pb.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in names]
    for name, value in parameters.items():
        wanted[-1].parameters[name].CopyFrom(value)
    return {"outputs": wanted}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (numbers(1, **outputs("y", "odd", "nope")), "outputs[2].name"),
        (numbers(1, **outputs("y", "y")), "outputs[1].name"),
        (
            numbers(1, parameters={"priority": pb.InferParameter(string_param="1")}),
            "parameters[priority]",
        ),
        (
            numbers(1, parameters={"timeout": pb.InferParameter(int64_param=-1)}),
            "parameters[timeout]",
        ),
        (numbers(1, parameters={"timeout": pb.InferParameter()}), "parameters[timeout]"),
    ],
)
def test_a_faulty_request_is_refused_by_field(given: pb.ModelInferRequest, field: str) -> None:
    error = refused(infer(given))
    assert (error.code, error.violations[0].field) == (Code.INVALID_ARGUMENT, field)


def test_rows_that_fail_are_named_and_fail_the_call() -> None:
    error = refused(infer(numbers(1, 13, 3, 13)))
    assert (error.code, error.reason, error.stage) == (Code.FAILED_PRECONDITION, "REFUSED", "add")
    assert [violation.field for violation in error.violations] == ["rows[1]", "rows[3]"]


def test_ragged_rows_of_one_length_are_a_tensor() -> None:
    response = ask(infer(numbers(3, 3, model_name="q")))
    assert list(response.outputs[0].shape) == [2, 3]


def test_ragged_rows_of_several_lengths_are_refused() -> None:
    assert refused(infer(numbers(3, 4, model_name="q"))).reason == "RAGGED_OUTPUT"


# Parameters


@pytest.mark.parametrize(
    ("parameters", "metadata", "priority"),
    [
        ({}, {}, 1),
        ({}, {"convoy-priority": "0"}, 0),
        ({"priority": pb.InferParameter(uint64_param=0)}, {"convoy-priority": "0"}, 0),
        ({"priority": pb.InferParameter(uint64_param=1)}, {"convoy-priority": "0"}, 2),
        ({"priority": pb.InferParameter(int64_param=2)}, {}, 1),
        ({"priority": pb.InferParameter(int64_param=3)}, {}, 0),
        ({"priority": pb.InferParameter(int64_param=4)}, {}, 1),
        ({"temperature": pb.InferParameter(double_param=0.5)}, {}, 1),
    ],
)
def test_level_one_is_the_most_urgent(
    parameters: dict[str, pb.InferParameter], metadata: dict[str, str], priority: int
) -> None:
    async def scenario(servicer: InferenceServicer, hosted: Hosted) -> Any:
        await servicer.ModelInfer(numbers(1, parameters=parameters), Call(metadata=metadata))
        return hosted.links["add"].requests[0].rows.priorities.tolist()

    assert ask(scenario) == [priority]


@pytest.mark.parametrize(
    ("parameters", "deadline", "ends"),
    [
        ({}, None, 5.0),
        ({"timeout": pb.InferParameter(int64_param=0)}, None, 5.0),
        ({"timeout": pb.InferParameter(int64_param=2_000_000)}, None, 2.0),
        ({"timeout": pb.InferParameter(uint64_param=8_000_000)}, None, 8.0),
        ({"timeout": pb.InferParameter(int64_param=8_000_000)}, 3.0, 3.0),
        ({"timeout": pb.InferParameter(int64_param=2_000_000)}, 3.0, 2.0),
    ],
)
def test_a_timeout_is_a_deadline(
    parameters: dict[str, pb.InferParameter], deadline: float | None, ends: float
) -> None:
    async def scenario(servicer: InferenceServicer, _: Hosted) -> tuple[Code, float]:
        with pytest.raises(ConvoyError) as caught:
            await servicer.ModelInfer(numbers(1, parameters=parameters), Call(deadline=deadline))
        return caught.value.code, asyncio.get_running_loop().time()

    assert ask(scenario, add=60.0) == (Code.DEADLINE_EXCEEDED, ends)


# What there is


def test_the_server_tells_what_it_is() -> None:
    async def scenario(servicer: InferenceServicer, _: Hosted) -> Any:
        live = await servicer.ServerLive(pb.ServerLiveRequest(), Call())
        ready = await servicer.ServerReady(pb.ServerReadyRequest(), Call())
        return live, ready, await servicer.ServerMetadata(pb.ServerMetadataRequest(), Call())

    live, ready, metadata = ask(scenario)
    assert (live.live, ready.ready) == (True, True)
    assert metadata.name == "convoy"
    assert metadata.version
    assert {"statistics", "model_repository"} <= set(metadata.extensions)


def test_a_model_tells_its_tensors() -> None:
    async def scenario(servicer: InferenceServicer, _: Hosted) -> Any:
        return [
            await servicer.ModelMetadata(pb.ModelMetadataRequest(name=name), Call())
            for name in ("p", "q")
        ]

    p, q = ask(scenario)
    assert (p.name, list(p.versions), p.platform) == ("p", ["1"], "convoy")
    assert [(t.name, t.datatype, list(t.shape)) for t in p.inputs] == [
        ("x", "INT64", [-1]),
        ("prefix", "BYTES", [-1]),
    ]
    assert [(t.name, t.datatype, list(t.shape)) for t in q.outputs] == [("upto", "INT64", [-1, -1])]


def test_a_model_tells_its_configuration() -> None:
    async def scenario(servicer: InferenceServicer, _: Hosted) -> Any:
        return (await servicer.ModelConfig(pb.ModelConfigRequest(name="p"), Call())).config

    config = ask(scenario)
    assert (config.name, config.max_batch_size) == ("p", 100)
    assert [(i.name, i.data_type, i.optional) for i in config.input] == [
        ("x", config_pb.TYPE_INT64, False),
        ("prefix", config_pb.TYPE_STRING, True),
    ]
    assert [o.data_type for o in config.output] == [
        config_pb.TYPE_INT64,
        config_pb.TYPE_STRING,
        config_pb.TYPE_BOOL,
    ]
    assert not config.model_transaction_policy.decoupled
    policy = config.dynamic_batching.default_queue_policy
    assert policy.default_timeout_microseconds == 5_000_000


@pytest.mark.parametrize("method", ["ModelReady", "ModelMetadata", "ModelConfig"])
@pytest.mark.parametrize(("name", "version"), [("nope", ""), ("p", "2")])
def test_what_there_is_not_is_not_found(method: str, name: str, version: str) -> None:
    asked = getattr(pb, f"{method}Request")(name=name, version=version)
    error = refused(lambda servicer, _: getattr(servicer, method)(asked, Call()))
    assert error.code is Code.NOT_FOUND


# Statistics


def test_statistics_count_requests_rows_and_batches() -> None:
    async def scenario(servicer: InferenceServicer, _: Hosted) -> Any:
        await servicer.ModelInfer(numbers(1, 2, 3), Call())
        await asyncio.gather(*(servicer.ModelInfer(numbers(n), Call()) for n in range(5)))
        with pytest.raises(ConvoyError):
            await servicer.ModelInfer(numbers(1), Call(deadline=0.0))
        return await servicer.ModelStatistics(pb.ModelStatisticsRequest(name="p"), Call())

    (told,) = ask(scenario, odd=0.5, add=1.0).model_stats
    stats = told.inference_stats
    assert (told.name, told.version) == ("p", "1")
    assert told.inference_count == 8
    assert stats.success.count == 6
    assert stats.fail.count == 1
    assert stats.queue.count == 6
    assert stats.success.ns >= 6_000_000_000
    assert stats.compute_input.count == stats.compute_infer.count == stats.compute_output.count == 6
    assert stats.compute_infer.ns > 0
    assert told.last_inference > 1_500_000_000_000
    assert told.execution_count == sum(b.compute_infer.count for b in told.batch_stats)
    assert sum(b.batch_size * b.compute_infer.count for b in told.batch_stats) == 8
    sizes = [b.batch_size for b in told.batch_stats]
    assert sizes == sorted(set(sizes))


def test_statistics_of_no_name_are_those_of_all() -> None:
    async def scenario(servicer: InferenceServicer, _: Hosted) -> Any:
        return await servicer.ModelStatistics(pb.ModelStatisticsRequest(), Call())

    assert [told.name for told in ask(scenario).model_stats] == ["p", "q"]


# The repository


async def index(servicer: InferenceServicer, *, ready: bool = False) -> dict[str, str]:
    asked = pb.RepositoryIndexRequest(ready=ready)
    response = await servicer.RepositoryIndex(asked, Call())
    assert all(bool(model.reason) == (model.state != "READY") for model in response.models)
    return {model.name: model.state for model in response.models}


def test_a_model_that_is_unloaded_admits_nothing_until_it_is_loaded() -> None:
    async def scenario(servicer: InferenceServicer, _: Hosted) -> Any:
        running = asyncio.create_task(servicer.ModelInfer(numbers(1), Call()))
        await asyncio.sleep(0.5)
        unload = pb.RepositoryModelUnloadRequest(model_name="p")
        unload.parameters["unload_dependents"].bool_param = False
        await servicer.RepositoryModelUnload(unload, Call())
        errors = []
        for asking in (
            servicer.ModelInfer(numbers(1), Call()),
            servicer.ModelMetadata(pb.ModelMetadataRequest(name="p"), Call()),
            servicer.ModelConfig(pb.ModelConfigRequest(name="p"), Call()),
        ):
            with pytest.raises(ConvoyError) as caught:
                await asking
            errors.append((caught.value.code, caught.value.reason))
        assert errors == [(Code.UNAVAILABLE, "PIPELINE_CLOSED")] * 3
        assert not (await servicer.ModelReady(pb.ModelReadyRequest(name="p"), Call())).ready
        assert await index(servicer) == {"p": "UNAVAILABLE", "q": "READY"}
        assert await index(servicer, ready=True) == {"q": "READY"}
        assert len((await running).outputs) == 3
        await servicer.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="p"), Call())
        assert (await servicer.ModelReady(pb.ModelReadyRequest(name="p"), Call())).ready
        assert await index(servicer) == {"p": "READY", "q": "READY"}
        await servicer.ModelInfer(numbers(1), Call())

    ask(scenario, add=1.0)


def test_a_model_without_replicas_is_not_ready() -> None:
    async def scenario(servicer: InferenceServicer, hosted: Hosted) -> Any:
        hosted.links["add"].replicas = 0
        ready = await servicer.ModelReady(pb.ModelReadyRequest(name="p"), Call())
        return ready.ready, await index(servicer)

    assert ask(scenario) == (False, {"p": "UNAVAILABLE", "q": "READY"})


def load(**fields: Any) -> Ask:
    asked = pb.RepositoryModelLoadRequest(**fields)
    return lambda servicer, _: servicer.RepositoryModelLoad(asked, Call())


@pytest.mark.parametrize(
    ("asking", "code"),
    [
        (load(model_name="nope"), Code.NOT_FOUND),
        (load(model_name="p", repository_name="mine"), Code.UNIMPLEMENTED),
        (
            load(
                model_name="p",
                parameters={"config": pb.ModelRepositoryParameter(string_param="{}")},
            ),
            Code.UNIMPLEMENTED,
        ),
    ],
)
def test_loading_makes_no_models(asking: Ask, code: Code) -> None:
    assert refused(asking).code is code


# What is refused


@pytest.mark.parametrize(
    "method",
    [
        "SystemSharedMemoryStatus",
        "SystemSharedMemoryRegister",
        "SystemSharedMemoryUnregister",
        "CudaSharedMemoryStatus",
        "CudaSharedMemoryRegister",
        "CudaSharedMemoryUnregister",
        "TraceSetting",
        "LogSettings",
    ],
)
def test_what_is_not_implemented_says_why(method: str) -> None:
    path = f"/inference.GRPCInferenceService/{method}"
    error = refused(lambda servicer, _: Local([servicer]).unary(path, b"", Call()))
    assert error.code is Code.UNIMPLEMENTED
    assert "Convoy" in error.message


SHARED = {"shared_memory_region": pb.InferParameter(string_param="region")}


@pytest.mark.parametrize(
    "given",
    [
        request(
            pb.ModelInferRequest.InferInputTensor(
                name="x", datatype="INT64", shape=[1], parameters=SHARED
            )
        ),
        numbers(1, **outputs("y", **SHARED)),
        numbers(1, **outputs("y", classification=pb.InferParameter(int64_param=3))),
    ],
)
def test_tensors_in_shared_memory_and_classes_are_refused(given: pb.ModelInferRequest) -> None:
    assert refused(infer(given)).code is Code.UNIMPLEMENTED

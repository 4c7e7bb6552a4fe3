"""Calls a mesh by tritonclient: ``python triton_client.py HOST:PORT``, in .venv-clients."""

import asyncio
import queue
import sys
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException

TIMEOUT = 20.0


def given(name: str, *rows: Any) -> list[triton.InferInput]:
    array = np.array(rows, dtype=np.object_)
    tensor = triton.InferInput(name, array.shape, "BYTES")
    tensor.set_data_from_numpy(array)
    return [tensor]


def tells_what_there_is(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("embedding")
    assert client.is_model_ready("embedding", "1")
    assert client.get_server_metadata().name == "convoy"
    metadata = client.get_model_metadata("embedding", as_json=True)
    assert metadata["versions"] == ["1"]
    shapes = {tensor["name"]: tensor["shape"] for tensor in metadata["inputs"]}
    assert shapes["text"] == ["-1"]
    assert metadata["outputs"] == [
        {"name": "embedding", "datatype": "FP32", "shape": ["-1", "384"]},
        {"name": "tokens", "datatype": "INT32", "shape": ["-1"]},
    ]
    config = client.get_model_config("embedding").config
    assert config.max_batch_size == 4096
    assert {tensor.name: tensor.optional for tensor in config.input}["normalize"]
    index = {model.name: model.state for model in client.get_model_repository_index().models}
    assert index["echo"] == "READY"


def infers(client: triton.InferenceServerClient) -> None:
    wanted = [triton.InferRequestedOutput("embedding")]
    texts = given("text", b"Parse a date.", "Grüße aus Köln".encode())
    result = client.infer(
        "embedding",
        texts,
        outputs=wanted,
        request_id="seven",
        priority=1,
        timeout=10_000_000,
        parameters={"mine": "own"},
        client_timeout=TIMEOUT,
    )
    assert result.get_response().id == "seven"
    vectors = result.as_numpy("embedding")
    assert (vectors.shape, vectors.dtype) == ((2, 384), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    result = client.infer("echo", given("data", b"one", b"", b"\xff\0"), client_timeout=TIMEOUT)
    assert result.as_numpy("data").tolist() == [b"one", b"", b"\xff\0"]
    result = client.infer("echo", given("data", [b"one"], [b"two"]), client_timeout=TIMEOUT)
    assert result.as_numpy("data").tolist() == [b"one", b"two"]
    words = given("words", [b"a", b"b"], [b"c", b"d"], [b"e", b""])
    result = client.infer("reverse", words, client_timeout=TIMEOUT)
    assert result.as_numpy("reversed").tolist() == [[b"b", b"a"], [b"d", b"c"], [b"", b"e"]]
    result = client.infer("shared", given("data", b"ab", b"abcd"), client_timeout=TIMEOUT)
    assert result.as_numpy("length").tolist() == [2, 4]
    assert result.as_numpy("doubled").tolist() == [-1, 8]

    answers: queue.Queue[Any] = queue.Queue()
    for n in range(100):
        client.async_infer(
            "echo",
            given("data", str(n).encode()),
            lambda result, error: answers.put(error or result),
            request_id=str(n),
            client_timeout=TIMEOUT,
        )
    for _ in range(100):
        result = answers.get(timeout=TIMEOUT)
        told = result.as_numpy("data").tolist()
        assert told == [result.get_response().id.encode()]


def says_what_is_wrong(client: triton.InferenceServerClient) -> None:
    shared = triton.InferInput("data", [1], "BYTES")
    shared.set_shared_memory("region", 8)
    for status, ask in (
        ("NOT_FOUND", lambda: client.infer("ecko", given("data", b"x"))),
        ("NOT_FOUND", lambda: client.infer("echo", given("data", b"x"), model_version="7")),
        ("INVALID_ARGUMENT", lambda: client.infer("echo", given("date", b"x"))),
        ("INVALID_ARGUMENT", lambda: client.infer("echo", given("data", [b"x", b"y"]))),
        ("INTERNAL", lambda: client.infer("fussy", given("data", b"bad"))),
        ("UNIMPLEMENTED", lambda: client.infer("echo", [shared])),
        ("UNIMPLEMENTED", client.get_system_shared_memory_status),
        ("UNIMPLEMENTED", client.get_cuda_shared_memory_status),
        ("UNIMPLEMENTED", client.get_trace_settings),
        ("UNIMPLEMENTED", client.get_log_settings),
        ("UNIMPLEMENTED", lambda: client.load_model("echo", config="{}")),
    ):
        try:
            ask()
        except InferenceServerException as error:
            assert error.status() == f"StatusCode.{status}", error  # noqa: PT017 (not a test's)
            assert error.message(), error  # noqa: PT017
        else:
            raise AssertionError(f"{status} was due")


def streams(client: triton.InferenceServerClient) -> None:
    answers: queue.Queue[Any] = queue.Queue()
    client.start_stream(lambda result, error: answers.put(error or result))
    client.async_stream_infer("fussy", given("data", b"sleep 0.5"), request_id="slow")
    for n in range(50):
        client.async_stream_infer(
            "echo",
            given("data", str(n).encode()),
            request_id=str(n),
            enable_empty_final_response=True,
        )
    client.async_stream_infer("nope", given("data", b"x"), request_id="nope")
    got = [answers.get(timeout=TIMEOUT) for _ in range(52)]
    client.stop_stream()
    (error,) = (each for each in got if isinstance(each, InferenceServerException))
    assert "there is no pipeline 'nope'" in error.message()
    responses = [each for each in got if not isinstance(each, InferenceServerException)]
    for each in responses:
        response = each.get_response()
        assert response.parameters["triton_final_response"].bool_param
        if response.id != "slow":
            assert each.as_numpy("data").tolist() == [response.id.encode()]
    assert responses[-1].get_response().id == "slow"
    assert answers.empty()


async def streams_async(target: str) -> None:
    async def requests() -> AsyncIterator[dict[str, Any]]:
        for n in range(20):
            yield {"model_name": "echo", "inputs": given("data", str(n).encode())}

    async with triton_aio.InferenceServerClient(target) as client:
        told = []
        async for result, error in client.stream_infer(requests()):
            assert error is None, error
            told += result.as_numpy("data").tolist()
    assert told == [str(n).encode() for n in range(20)]


def counts(client: triton.InferenceServerClient) -> None:
    def told() -> Any:
        (stats,) = client.get_inference_statistics("shared").model_stats
        return stats

    before = told()
    for _ in range(5):
        client.infer("shared", given("data", b"ab", b"abcd"), client_timeout=TIMEOUT)
    after = told()
    assert after.inference_count - before.inference_count == 10
    # The two rows of a request may travel in a batch each, where two slots are free.
    assert 5 <= after.execution_count - before.execution_count <= 10
    assert after.inference_stats.success.count - before.inference_stats.success.count == 5
    assert len(client.get_inference_statistics().model_stats) >= 5


def unloads_and_loads(client: triton.InferenceServerClient) -> None:
    client.unload_model("shared")
    try:
        assert not client.is_model_ready("shared")
        try:
            client.infer("shared", given("data", b"x"), client_timeout=TIMEOUT)
        except InferenceServerException as error:
            assert error.status() == "StatusCode.UNAVAILABLE"  # noqa: PT017
        else:
            raise AssertionError("UNAVAILABLE was due")
    finally:
        client.load_model("shared")
    assert client.is_model_ready("shared")


def main(target: str) -> None:
    with triton.InferenceServerClient(target) as client:
        tells_what_there_is(client)
        infers(client)
        says_what_is_wrong(client)
        streams(client)
        counts(client)
        unloads_and_loads(client)
    asyncio.run(streams_async(target))


if __name__ == "__main__":
    main(sys.argv[1])

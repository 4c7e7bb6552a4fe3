"""tritonclient's HTTP client against a gateway: ``triton_http_client.py HOST:PORT``."""

import asyncio
import sys
from collections.abc import Callable

import numpy as np
import tritonclient.http as triton
import tritonclient.http.aio as aio
from tritonclient.utils import InferenceServerException

CODINGS = (None, "gzip", "deflate")


def main(address: str) -> None:
    with triton.InferenceServerClient(address, concurrency=4) as client:
        tells_what_there_is(client)
        infers_in_every_form(client)
        answers_many_at_once(client)
        opens_and_closes(client)
        is_refused_what_a_mesh_has_not(client)
    asyncio.run(is_asynchronous(address))


def tells_what_there_is(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("embedding", "1")
    assert client.get_server_metadata()["name"] == "convoy"
    metadata = client.get_model_metadata("embedding")
    assert metadata["outputs"][0] == {"name": "embedding", "datatype": "FP32", "shape": [-1, 384]}
    assert client.get_model_config("embedding")["max_batch_size"] == 4096
    index = {model["name"]: model["state"] for model in client.get_model_repository_index()}
    assert index["echo"] == "READY"
    (told,) = client.get_inference_statistics("echo")["model_stats"]
    assert told["name"] == "echo"
    assert len(client.get_inference_statistics()["model_stats"]) == len(index)


def infers_in_every_form(client: triton.InferenceServerClient) -> None:
    rows = np.array([b"one", "Grüße".encode()], dtype=object)
    for binary_in in (True, False):
        for binary_out in (True, False):
            for asked, answered in zip(CODINGS, reversed(CODINGS), strict=True):
                given = triton.InferInput("data", list(rows.shape), "BYTES")
                given.set_data_from_numpy(rows, binary_data=binary_in)
                result = client.infer(
                    "echo",
                    [given],
                    outputs=[triton.InferRequestedOutput("data", binary_data=binary_out)],
                    request_id="7",
                    request_compression_algorithm=asked,
                    response_compression_algorithm=answered,
                    priority=1,
                    timeout=10_000_000,
                )
                told = [
                    each if isinstance(each, bytes) else each.encode()
                    for each in result.as_numpy("data").tolist()
                ]
                assert told == rows.tolist()
                assert result.get_response()["id"] == "7"
    texts = np.array([b"Parse a date."], dtype=object)
    text = triton.InferInput("text", [1], "BYTES")
    text.set_data_from_numpy(texts)
    assert client.infer("embedding", [text]).as_numpy("embedding").shape == (1, 384)


def answers_many_at_once(client: triton.InferenceServerClient) -> None:
    asked = []
    for n in range(40):
        given = triton.InferInput("data", [1], "BYTES")
        given.set_data_from_numpy(np.array([b"%d" % n], dtype=object))
        asked.append(client.async_infer("echo", [given]))
    told = [each.get_result().as_numpy("data").tolist() for each in asked]
    assert told == [[b"%d" % n] for n in range(40)]


def opens_and_closes(client: triton.InferenceServerClient) -> None:
    client.unload_model("shared")
    assert not client.is_model_ready("shared")
    client.load_model("shared")
    assert client.is_model_ready("shared")


def is_refused_what_a_mesh_has_not(client: triton.InferenceServerClient) -> None:
    for ask in (
        lambda: client.load_model("shared", config="{}"),
        client.get_trace_settings,
        client.get_log_settings,
        client.get_system_shared_memory_status,
        client.get_cuda_shared_memory_status,
    ):
        assert refusal(ask) == "501"


def refusal(ask: Callable[[], object]) -> str:
    """Give the HTTP status with which a call is refused; empty where it is not."""
    try:
        ask()
    except InferenceServerException as exc:
        return str(exc.status())
    return ""


async def is_asynchronous(address: str) -> None:
    async with aio.InferenceServerClient(address) as client:
        assert await client.is_server_ready()
        assert (await client.get_model_config("embedding"))["name"] == "embedding"
        given = aio.InferInput("data", [1], "BYTES")
        given.set_data_from_numpy(np.array([b"x"], dtype=object))
        result = await client.infer("echo", [given], response_compression_algorithm="gzip")
        assert result.as_numpy("data").tolist() == [b"x"]


if __name__ == "__main__":
    main(sys.argv[1])

"""Calls a gateway by OpenAI's and Triton's clients, in .venv-clients: ``python python_client.py``.

It takes a call or a cancellation as a line of JSON on its standard input, and tells of the end of
each call as a line of JSON on its standard output, as ``node/client.mjs`` does.
"""

import asyncio
import base64
import json
import sys
from typing import Any

import numpy as np
import openai
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

WHOLE = 60.0
"""Seconds that a client of Triton's may take by itself; a deadline, never an expectation."""


async def by_openai(command: dict[str, Any]) -> dict[str, Any]:
    headers = dict(command["headers"])
    if command["timeout"] is not None:
        headers["x-request-timeout"] = f"{command['timeout']:.9f}"
    texts = [base64.b64decode(row).decode() for row in command["rows"]]
    url = command["base"] + "/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
        try:
            made = await client.embeddings.with_raw_response.create(
                model=command["pipeline"], input=texts, extra_headers=headers
            )
        except openai.APIStatusError as error:
            return {
                "status": error.status_code,
                "body": {"error": error.body},
                "headers": dict(error.response.headers),
            }
        except openai.APIConnectionError as error:
            return {"broken": repr(error.__cause__)}
        vectors = made.parse()
    told = {"status": 200, "rows": len(vectors.data), "headers": dict(made.headers)}
    assert all(len(vector.embedding) == 384 for vector in vectors.data)
    return told


def given(command: dict[str, Any]) -> dict[str, Any]:
    rows = np.array([base64.b64decode(row) for row in command["rows"]], dtype=np.object_)
    tensor = triton.InferInput(command["column"], rows.shape, "BYTES")
    tensor.set_data_from_numpy(rows)
    headers = dict(command["headers"])
    if command["timeout"] is not None:
        headers["x-request-timeout"] = f"{command['timeout']:.9f}"
    return {"model_name": command["pipeline"], "inputs": [tensor], "headers": headers}


def got(result: Any) -> dict[str, Any]:
    response = result.get_response()
    (output,) = (each for each in response["outputs"] if each["datatype"] == "BYTES")
    data = result.as_numpy(output["name"]).tolist()
    return {"status": 200, "data": [base64.b64encode(row).decode() for row in data]}


def failed(error: InferenceServerException) -> dict[str, Any]:
    status = error.status()
    if status is None or not status.isdigit():
        return {"broken": f"{status}: {error.message()}"}
    return {"status": int(status), "message": error.message()}


def by_triton(command: dict[str, Any]) -> dict[str, Any]:
    url = command["base"].removeprefix("http://")
    with triton.InferenceServerClient(url, network_timeout=WHOLE) as client:
        try:
            return got(client.infer(**given(command)))
        except InferenceServerException as error:
            return failed(error)
        except OSError as error:
            return {"broken": repr(error)}


async def by_triton_aio(command: dict[str, Any]) -> dict[str, Any]:
    url = command["base"].removeprefix("http://")
    async with triton_aio.InferenceServerClient(url) as client:
        try:
            return got(await client.infer(**given(command)))
        except InferenceServerException as error:
            return failed(error)
        except OSError as error:
            return {"broken": repr(error)}


async def call(command: dict[str, Any]) -> None:
    try:
        match command["client"]:
            case "openai":
                end = await by_openai(command)
            case "tritonclient":
                end = await asyncio.to_thread(by_triton, command)
            case "tritonclient aio":
                end = await by_triton_aio(command)
    except asyncio.CancelledError:
        end = {"cancelled": True}
    except Exception as error:
        end = {"broken": repr(error)}
    print(json.dumps({"id": command["id"], "end": end}), flush=True)


async def main() -> None:
    lines: asyncio.StreamReader = asyncio.StreamReader(limit=1 << 26)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    calls: dict[int, asyncio.Task[None]] = {}
    while line := await lines.readline():
        command = json.loads(line)
        if "cancel" in command:
            calls[command["id"]].cancel()
        else:
            calls[command["id"]] = asyncio.create_task(call(command))


if __name__ == "__main__":
    asyncio.run(main())

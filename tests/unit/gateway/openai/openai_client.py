"""Calls a gateway by OpenAI's client, in .venv-clients: ``python openai_client.py BASE_URL``.

It takes a list of calls as JSON on its standard input, each ``{"call": "chat.completions.create",
"arguments": {…}}``, makes one after the other, and tells of each as a line of JSON: its ``answer``,
or the ``chunks`` of a stream, or the ``error``, or chunks and then the error. A call that has
``leave`` leaves its stream after so many chunks.
"""

import asyncio
import json
import sys
from functools import reduce
from typing import Any

import openai

WITHIN = 60.0
"""Seconds; a deadline, never an expectation."""


def failed(error: openai.APIError) -> dict[str, Any]:
    told = {name: getattr(error, name) for name in ("message", "code", "param", "type")}
    status = getattr(error, "status_code", None)
    return {"class": type(error).__name__, "status": status, **told}


async def call(client: openai.AsyncOpenAI, command: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    try:
        method: Any = reduce(getattr, command["call"].split("."), client)
        made = await method(**command["arguments"])
        if not isinstance(made, openai.AsyncStream):
            return {"answer": made.model_dump()}
        chunks: list[Any] = []
        told["chunks"] = chunks
        async with made:
            async for chunk in made:
                chunks.append(chunk.model_dump())
                if len(chunks) == command.get("leave"):
                    break
    except openai.APIError as error:
        told["error"] = failed(error)
    return told


async def main(base_url: str) -> None:
    commands = json.load(sys.stdin)
    client = openai.AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0, timeout=WITHIN)
    async with client:
        for command in commands:
            print(json.dumps(await call(client, command)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

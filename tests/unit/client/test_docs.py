"""The snippet of docs/client.md, run as it stands."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np

from convoy import Batch, Tensor
from convoy.v1 import embedding_pb2
from convoy.v1 import pipeline_pb2 as pb
from convoy.wire import write_batch
from tests.unit.client.fake import TIMEOUT, Echo, Embeddings, part, serving

PAGE = (Path(__file__).parents[3] / "docs/client.md").read_text()


def vectors(rows: int) -> Batch:
    ones = np.ones((rows, 384), np.float32)
    return Batch(rows=rows, columns={"embedding": Tensor.of(ones)})


class Embed(Embeddings):  # type: ignore[misc]
    async def Embed(
        self, request: embedding_pb2.EmbedRequest, context: Any
    ) -> embedding_pb2.EmbedResponse:
        one = embedding_pb2.Embedding(values=[1.0] * 384)
        embeddings = [one] * len(request.texts)
        return embedding_pb2.EmbedResponse(embeddings=embeddings, dimensions=384)


class Embedding(Echo):
    async def Run(self, request: pb.RunRequest, context: Any) -> pb.RunResponse:
        response = pb.RunResponse()
        write_batch(vectors(request.batch.rows), response.batch)
        return response

    async def RunStream(
        self, request: pb.RunStreamRequest, context: Any
    ) -> AsyncIterator[pb.RunStreamResponse]:
        yield part(0, vectors(request.batch.rows))


async def test_the_snippet_runs() -> None:
    found = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert found
    async with serving(Embedding(), Embed()) as target, asyncio.timeout(TIMEOUT):
        code = found[1].replace("127.0.0.1:9000", target)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
    assert (process.returncode, out) == (0, b"0 (2, 384)\n")

"""Semantic search through the mesh, by the generated stubs."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc
import numpy as np
from numpy.typing import NDArray

from convoy.v1 import embedding_pb2 as pb
from convoy.v1 import embedding_pb2_grpc

Vectors = NDArray[np.float32]

CHUNK = 32
"""Texts in a call."""
IN_FLIGHT = 8
"""Calls at a time."""
TIMEOUT = 60.0
"""Seconds that a call may take."""


@dataclass(frozen=True, slots=True)
class Match:
    """A text that was found."""

    index: int
    similarity: float
    """The cosine of the angle between its vector and the question's, -1 to 1."""


class Search:
    """Texts as unit vectors, asked by unit vectors."""

    def __init__(self, target: str) -> None:
        """Embed through the mesh at ``target``."""
        self._channel = grpc.aio.insecure_channel(target)
        self._stub = embedding_pb2_grpc.EmbeddingServiceStub(self._channel)
        self._vectors: Vectors = np.empty((0, 0), np.float32)

    async def index(self, texts: Sequence[str], on_done: Callable[[int], None]) -> None:
        """Embed all texts, some calls at a time; ``on_done`` hears how many each call did.

        Raises grpc.aio.AioRpcError where a call fails.
        """
        ways = asyncio.Semaphore(IN_FLIGHT)

        async def embed(part: Sequence[str]) -> Vectors:
            async with ways:
                vectors = await self._embed(part)
            on_done(len(part))
            return vectors

        parts = [texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK)]
        self._vectors = np.concatenate(await asyncio.gather(*map(embed, parts)))

    async def ask(self, question: str, best: int) -> list[Match]:
        """Find the texts whose meaning is closest to the question's, the closest first."""
        similarities = self._vectors @ (await self._embed([question]))[0]
        order = np.argsort(-similarities)[:best]
        return [Match(int(i), float(similarities[i])) for i in order]

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    async def _embed(self, texts: Sequence[str]) -> Vectors:
        response = await self._stub.Embed(pb.EmbedRequest(texts=texts), timeout=TIMEOUT)
        return np.array([embedding.values for embedding in response.embeddings], np.float32)

"""/v1/models."""

import pytest

from tests.unit.gateway.openai.fake import CAPTIONER, EMBEDDER, WRITER, FakeMesh, inside


async def test_pipelines_that_embed_generate_or_caption_are_models() -> None:
    async with inside(FakeMesh()) as client:
        told = (await client.get("/v1/models")).json()
    assert [model["id"] for model in told["data"]] == [WRITER, CAPTIONER, EMBEDDER]


@pytest.mark.parametrize(("name", "status"), [(WRITER, 200), (CAPTIONER, 200), ("echo", 404)])
async def test_one_model(name: str, status: int) -> None:
    async with inside(FakeMesh()) as client:
        assert (await client.get(f"/v1/models/{name}")).status_code == status

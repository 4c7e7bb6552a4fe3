"""Another version of all models comes in while requests are answered, and goes again."""

import asyncio
from pathlib import Path

from typer.testing import CliRunner

from convoy.v1 import recommendation_pb2 as pb
from convoy.v1.recommendation_pb2_grpc import RecommendationServiceStub
from convoy_services.cli import app
from convoy_services.local.mesh import LocalMesh
from tests.mesh.calls import TIMEOUT
from tests.mesh.recommendation.conftest import SECOND

CLIENTS = 8


async def load(mesh: LocalMesh, version: str) -> None:
    words = ["load", "recommendation", version, "--target", mesh.target]
    result = await asyncio.to_thread(CliRunner().invoke, app, words)
    assert result.exit_code == 0, result.output
    assert f"version {version}" in result.output


async def test_no_request_is_lost_and_none_meets_two_versions(
    recommender: LocalMesh, stub: RecommendationServiceStub, repository: Path
) -> None:
    responses: list[pb.RecommendResponse] = []
    done = asyncio.Event()

    async def client(history: list[int]) -> None:
        request = pb.RecommendRequest(history=history, limit=10, explain=True)
        while not done.is_set():
            responses.append(await stub.Recommend(request, timeout=TIMEOUT))

    clients = [
        asyncio.create_task(client([3 + n, 9, 27, SECOND + 3 + n, SECOND + 9, SECOND + 27]))
        for n in range(CLIENTS)
    ]
    try:
        await load(recommender, "2")
        state = await asyncio.to_thread(recommender.status)
        assert set(state["versions"].values()) == {"2"}
        assert {"recall_vector", "rank_click", "rank_dwell", "rerank"} <= state["versions"].keys()
        await load(recommender, "1")
    finally:
        done.set()
        await asyncio.gather(*clients)
    assert {response.model_version for response in responses} == {"1", "2"}
    for response in responses:
        assert not response.degraded
        mine = {item.item_id > SECOND for item in response.items}
        assert mine == {response.model_version == "2"}
    assert (repository / "live").read_text() == "1\n"

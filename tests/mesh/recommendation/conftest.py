"""A recommender for these tests: simulated logs, models trained on them, and its own mesh."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import grpc
import pytest
import yaml

from convoy.v1 import recommendation_pb2_grpc
from convoy_services.local.mesh import LocalMesh
from convoy_services.recommendation.mesh import mesh_yaml
from convoy_services.recommendation.model.catalogue import Catalogue
from convoy_services.recommendation.model.version import Card
from convoy_services.recommendation.training.readers import read
from convoy_services.recommendation.training.simulator import simulate
from convoy_services.recommendation.training.train import train
from tests.redis_server import RedisServer

HERE = Path(__file__).parents[3]
START = 120.0
"""Seconds; a deadline, never an expectation."""

SECOND = 1_000_000
"""How much greater the ids of the second version's items are."""

TOGETHER = {
    **dict.fromkeys(("tokenize", "normalize"), "encode"),
    **dict.fromkeys(("recall_covisit", "recall_text", "similar", "items"), "recall_popular"),
    "record_redis": "features_redis",
}
"""What no test kills shares a replica: each takes two seconds of a core to start."""

BUDGET = "2s"
"""What a busy machine keeps, but for a replica that does not run."""

OVERRIDES = """
  features_redis: {class: convoy_services.recommendation:Features, settings: {store: "REDIS"}}
  record_redis: {class: convoy_services.recommendation:Record, settings: {store: "REDIS"}}

pipelines:
  redis_past: {steps: [{stage: features_redis, from: [user], to: {past_dwell: null, seen: null,
    context: null, context_weight: null, text: null, has_query: null, recalls: null}}],
    outputs: [past]}
  redis_events:
    steps: [{stage: record_redis, from: [user, item, kind, seconds, time]}]
    outputs: [kept]
"""


@pytest.fixture(scope="package")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of the same models, but for the ids of their items; the first is live."""
    folder = tmp_path_factory.mktemp("recommendation")
    for _ in simulate(folder / "log", users=150, items=400, impressions=8_000, days=14, seed=0):
        pass
    first = train(
        read(folder / "log"), folder / "models", quick=True, text_model="all-MiniLM-L6-v2"
    )
    second = folder / "models" / "2"
    shutil.copytree(first, second)
    items = Catalogue.load(second)
    Catalogue(
        ids=items.ids + SECOND,
        **{name: getattr(items, name) for name in Catalogue.__slots__ if name != "ids"},
    ).save(second)
    (folder / "models" / "live").write_text("1\n")
    return folder / "models"


@pytest.fixture(scope="package")
def catalogue(repository: Path) -> Catalogue:
    return Catalogue.load(repository / "1")


@pytest.fixture(scope="package")
def redis() -> Iterator[RedisServer]:
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        yield server


@pytest.fixture(scope="package")
def recommender(repository: Path, redis: RedisServer) -> Iterator[LocalMesh]:
    """The mesh that ships, with a click model that can be made to raise."""
    store = f"sqlite:///{repository.parent}/events.db"
    text = mesh_yaml(repository, store, Card.load(repository / "1"))
    ours = "tests.mesh.recommendation.raising_click:RaisingClick"
    text = text.replace("convoy_services.recommendation:RankClick", ours)
    text = text.replace("\npipelines:\n", OVERRIDES.replace("REDIS", redis.url))
    config = yaml.safe_load(text)
    for stage, other in TOGETHER.items():
        config["stages"][stage]["place_with"] = other
    for step in config["pipelines"]["recommendation"]["steps"]:
        if "optional" in step:
            step["optional"]["budget"] = BUDGET
    text = yaml.safe_dump(config)
    mesh = LocalMesh.start(text, name="recommender", home=HERE)
    mesh.wait(within=START)
    yield mesh
    mesh.stop()


@pytest.fixture
async def stub(
    recommender: LocalMesh,
) -> AsyncIterator[recommendation_pb2_grpc.RecommendationServiceStub]:
    async with grpc.aio.insecure_channel(recommender.target) as channel:
        yield recommendation_pb2_grpc.RecommendationServiceStub(channel)

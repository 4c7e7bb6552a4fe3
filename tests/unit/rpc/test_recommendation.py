"""What RecommendationService refuses, by field; what it answers is in tests/mesh."""

import pytest
import yaml

from convoy import Code, ConvoyError
from convoy.v1 import recommendation_pb2 as pb
from convoy_services.config import parse
from convoy_services.mesh.graph import plan
from convoy_services.mesh.mesh import Mesh
from convoy_services.recommendation.channel import Channel
from convoy_services.recommendation.mesh import mesh_yaml
from convoy_services.recommendation.model.version import Card
from convoy_services.rpc.call import Call
from convoy_services.rpc.recommendation import CHANNELS, RecommendationServicer


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The mesh.yaml that is written today."""
    repository = tmp_path_factory.mktemp("repository")
    (repository / "1").mkdir()
    return mesh_yaml(repository, "sqlite:///events.db", card())


@pytest.fixture(scope="module")
def servicer(text: str) -> RecommendationServicer:
    return RecommendationServicer(Mesh(plan(parse(text)), {}))


def card() -> Card:
    return Card(
        dataset="none",
        date="2026-01-01",
        seed=0,
        sizes={},
        priors={"p_click": 0.05, "dwell": 8.0},
        metrics={},
        data="",
        weights="",
    )


Context, Filters = pb.RecommendContext, pb.RecommendFilters


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"user_id": -1}, "user_id"),
        ({"history": [3, -4]}, "history[1]"),
        ({"history": [1] * 1001}, "history"),
        ({"candidates": range(100_000)}, "candidates"),
        ({"candidates": [-(2**63)]}, "candidates[0]"),
        ({"filters": Filters(blocked=[1, 2, -3])}, "filters.blocked[2]"),
        ({"filters": Filters(blocked=range(10_001))}, "filters.blocked"),
        ({"filters": Filters(categories=["x" * 129])}, "filters.categories"),
        ({"context": Context(tags=["t"] * 65)}, "context.tags"),
        ({"context": Context(device="d" * 129)}, "context.device"),
        ({"context": Context(numbers={"charge": float("nan")})}, "context.numbers[charge]"),
        ({"context": Context(numbers={"charge": float("inf")})}, "context.numbers[charge]"),
        ({"context": Context(numbers={str(i): 1.0 for i in range(65)})}, "context.numbers"),
        ({"context": Context(numbers={"n" * 129: 1.0})}, "context.numbers"),
        ({"context": Context(time={"seconds": -1})}, "context.time"),
        ({"context": Context(time={"seconds": 2**62})}, "context.time"),
        ({"query": "q" * 2049}, "query"),
    ],
)
async def test_a_faulty_field_is_named(
    servicer: RecommendationServicer, fields: dict[str, object], named: str
) -> None:
    request = pb.RecommendRequest(**{"limit": 10, **fields})  # type: ignore[arg-type]
    with pytest.raises(ConvoyError) as caught:
        await servicer.Recommend(request, Call())
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert [violation.field for violation in caught.value.violations] == [named]


async def test_every_faulty_field_is_named_at_once(servicer: RecommendationServicer) -> None:
    request = pb.RecommendRequest(user_id=-1, candidates=[-1], query="q" * 5000)
    with pytest.raises(ConvoyError) as caught:
        await servicer.Recommend(request, Call())
    fields = [violation.field for violation in caught.value.violations]
    assert fields == ["user_id", "candidates[0]", "limit", "query"]


@pytest.mark.parametrize(
    ("fields", "named"), [({"item_id": -5, "limit": 3}, "item_id"), ({"item_id": 5}, "limit")]
)
async def test_similar_items_refuses_what_is_no_item_and_no_limit(
    servicer: RecommendationServicer, fields: dict[str, int], named: str
) -> None:
    with pytest.raises(ConvoyError) as caught:
        await servicer.SimilarItems(pb.SimilarItemsRequest(**fields), Call())
    assert [violation.field for violation in caught.value.violations] == [named]


@pytest.mark.parametrize(
    ("ids", "named"),
    [
        ([5, 0, 3, -4, -1], "item_ids[3]"),
        ([-(2**63)], "item_ids[0]"),
        (range(1001), "item_ids"),
    ],
)
async def test_describe_items_refuses_what_are_no_items_and_too_many(
    servicer: RecommendationServicer, ids: list[int], named: str
) -> None:
    with pytest.raises(ConvoyError) as caught:
        await servicer.DescribeItems(pb.DescribeItemsRequest(item_ids=ids), Call())
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert [violation.field for violation in caught.value.violations] == [named]


async def test_of_no_items_there_is_nothing_to_tell(servicer: RecommendationServicer) -> None:
    assert not (await servicer.DescribeItems(pb.DescribeItemsRequest(), Call())).items


async def test_a_mesh_that_was_written_before_has_nothing_that_describes_items(text: str) -> None:
    config = yaml.safe_load(text)
    for section in ("stages", "pipelines"):
        del config[section]["items"]
    servicer = RecommendationServicer(Mesh(plan(parse(yaml.safe_dump(config))), {}))
    with pytest.raises(ConvoyError) as caught:
        await servicer.DescribeItems(pb.DescribeItemsRequest(item_ids=[1]), Call())
    assert (caught.value.code, caught.value.reason) == (Code.NOT_FOUND, "PIPELINE_NOT_FOUND")


def test_every_channel_has_a_name_in_the_contract() -> None:
    assert set(CHANNELS) == set(Channel)
    assert set(CHANNELS.values()) == set(pb.RecallChannel.values()) - {0}

"""The second part: simulate a log, train on it, serve, recommend, and learn from events."""

import asyncio
import tempfile
from collections import Counter
from pathlib import Path

import grpc
from rich.table import Table

from convoy.v1 import recommendation_pb2 as pb
from convoy.v1.recommendation_pb2_grpc import RecommendationServiceStub
from convoy_services.cli.console import out
from convoy_services.cli.up import show
from convoy_services.demo.clock import Clock
from convoy_services.demo.recommender import KNOWN, Recommender
from convoy_services.local.mesh import LocalMesh
from convoy_services.recommendation.training.log import Things

NEW = 1_000_001
"""A user who is not in the log."""
WATCHED = 6
"""Videos that the new user watches to their end."""
LIMIT = 8
TIMEOUT = 30.0
"""Seconds that a call may take."""


def run() -> None:
    """Run it from start to end; a failure leaves no mesh behind."""
    clock = Clock()
    with tempfile.TemporaryDirectory(prefix="convoy-demo-") as folder:
        made = Recommender.make(Path(folder), clock)
        mesh = LocalMesh.start(made.config, name="demo")
        try:
            with clock.time("start the mesh"):
                mesh.wait(show)
            asyncio.run(_recommend(mesh.target, made.data.things, clock))
        finally:
            out.print("stopping the mesh")
            with clock.time("stop the mesh"):
                mesh.stop()
    out.print(clock.table())


async def _recommend(target: str, things: Things, clock: Clock) -> None:
    titles = dict(zip(things.ids.tolist(), things.title, strict=True))
    categories = dict(zip(things.ids.tolist(), things.category, strict=True))
    async with grpc.aio.insecure_channel(target) as channel:
        stub = RecommendationServiceStub(channel)

        async def ask(user: int, title: str) -> list[int]:
            request = pb.RecommendRequest(user_id=user, limit=LIMIT)
            with clock.time("recommend"):
                response = await stub.Recommend(request, timeout=TIMEOUT)
            table = Table(title=title, title_justify="left", box=None, header_style="bold")
            for column in ("title", "category", "click", "seconds", "found by"):
                table.add_column(
                    column, justify="right" if column in ("click", "seconds") else "left"
                )
            for item in response.items:
                found = [pb.RecallChannel.Name(c).rpartition("_")[2].lower() for c in item.channels]
                table.add_row(
                    titles[item.item_id],
                    categories[item.item_id],
                    f"{item.click_probability:.0%}",
                    f"{item.watch_seconds:.0f}",
                    ", ".join(found),
                )
            out.print()
            out.print(table)
            return [item.item_id for item in response.items]

        for user in KNOWN:
            await ask(user, f"for user {user}")
        shown = await ask(NEW, "for a new user: what is popular")
        favourite = _rarest(categories, shown)
        watched = [item for item, category in categories.items() if category == favourite]
        with clock.time("record events"):
            events = (
                pb.Event(user_id=NEW, item_id=i, kind=pb.EVENT_KIND_WATCH, watch_seconds=40)
                for i in watched[:WATCHED]
            )
            requests = [pb.RecordEventsRequest(events=events), pb.RecordEventsRequest(last=True)]
            await stub.RecordEvents(iter(requests), timeout=TIMEOUT)
        out.print(f"\nThe new user watches {WATCHED} videos of {favourite}.", style="bold")
        after = await ask(NEW, "for the same user, a moment later")
        count = [sum(categories[item] == favourite for item in items) for items in (shown, after)]
        out.print(f"\n{favourite}: {count[0]} of {LIMIT} before, {count[1]} after\n")


def _rarest(categories: dict[int, str], shown: list[int]) -> str:
    """Choose a category of which many items are there and few were shown."""
    seen = Counter(categories[item] for item in shown)
    there = Counter(categories.values())
    return min(there, key=lambda name: (seen[name], -there[name]))

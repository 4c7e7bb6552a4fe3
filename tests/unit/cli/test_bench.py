"""What ``convoy bench`` tells of calls that fail."""

import asyncio
import json
from typing import Any

from click.testing import Result
from typer.testing import CliRunner

from convoy.errors import invalid
from convoy.v1 import pipeline_pb2 as pb
from convoy_services.cli import app
from tests.unit.client.fake import Echo, abort, serving


class Refuses(Echo):
    """Refuses every call, each with a number of its own."""

    async def Run(self, request: pb.RunRequest, context: Any) -> pb.RunResponse:
        self.calls.append("Run")
        await abort(context, invalid("text", f"call {len(self.calls)} is wrong"))


async def bench(*options: str) -> Result:
    async with serving(Refuses()) as target:
        command = ["bench", "echo", "--target", target, "--duration", "0.1s", *options]
        return await asyncio.to_thread(CliRunner().invoke, app, command)


async def test_the_first_error_is_told_once() -> None:
    """How many were INVALID_ARGUMENT was told, but never what was wrong."""
    done = await bench("--concurrency", "1,2")
    assert done.exit_code == 1
    assert done.stderr.count("the first failure: INVALID_ARGUMENT") == 1
    assert "is wrong" in done.stderr


async def test_figures_as_json_have_the_first_error_of_each_load() -> None:
    done = await bench("--concurrency", "1,2", "--json")
    for load in json.loads(done.stdout)["results"]:
        assert load["error"].startswith("INVALID_ARGUMENT")

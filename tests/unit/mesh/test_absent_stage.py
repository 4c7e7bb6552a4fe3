"""What a request hears while a stage that it needs has no replica."""

import asyncio

import pytest

from convoy import ConvoyError
from tests.unit.mesh import stages
from tests.unit.mesh.hosted import Hosted, numbers
from tests.unit.mesh.virtual_time import simulate


def test_a_request_hears_in_time_that_a_stage_has_no_replica() -> None:
    async def scenario() -> tuple[str, float, float | None]:
        hosted = Hosted.of(
            f"""
stages: {{add: {{class: "{stages.__name__}:Add"}}}}
pipelines: {{p: {{steps: [{{stage: add}}], outputs: [y]}}}}
""",
            add=100.0,
        )
        hosted.links["add"].replicas = 0
        with pytest.raises(ConvoyError) as caught:
            await hosted.ask(numbers(1), timeout=10.0)
        error = caught.value
        now = asyncio.get_running_loop().time()
        return f"{error.code.name} {error.reason} {error.stage}", now, error.retry_after

    told, now, retry_after = simulate(scenario())
    assert told == "UNAVAILABLE STAGE_UNAVAILABLE add"
    assert now == pytest.approx(9.0)
    assert retry_after

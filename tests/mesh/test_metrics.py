"""The metrics of the session's mesh, as Prometheus scrapes them."""

import asyncio
import json
import subprocess
from pathlib import Path

from typer.testing import CliRunner

from convoy import Client
from convoy_services.cli import app
from convoy_services.local.mesh import LocalMesh
from convoy_services.telemetry.dashboard import queries
from tests.mesh.prometheus import scraping
from tests.mesh.test_captioning import PICTURES

HERE = Path(__file__).parent


def export(*words: str) -> str:
    result = CliRunner().invoke(app, ["export", *words])
    assert result.exit_code == 0, result.output
    return result.stdout


async def test_every_query_of_the_dashboard_has_data(mesh: LocalMesh, tmp_path: Path) -> None:
    board = json.loads(export("dashboard", str(HERE / "mesh.yaml")))
    asked = [query.replace("$__rate_interval", "1m") for query in queries(board)]
    with scraping(mesh.settings.ports.metrics, tmp_path) as prometheus:
        await prometheus.until('up{job="convoy"} == 1')
        async with Client(mesh.target, timeout=60) as client:
            for _ in range(2):  # a rate needs a rise between two scrapes
                await call_everything(client)
                [scraped] = await prometheus.until('scrape_samples_scraped{job="convoy"}')
                await prometheus.until(
                    f"timestamp(scrape_samples_scraped) > {scraped['value'][0] + 1}"
                )
        empty = [query for query in asked if not await asyncio.to_thread(prometheus.query, query)]
    assert not empty
    assert len(asked) > 100


async def call_everything(client: Client) -> None:
    """Send rows through every pipeline that the dashboard shows."""
    rows = {
        "embedding": {"text": ["a"]},
        "echo": {"data": ["a"]},
        "fussy": {"data": ["a"]},
        "forgiving": {"data": ["a"]},
        "shared": {"data": ["long enough"]},
        "reverse": {"words": [["a", "b"]]},
        "mean": {"points": [[[1.0, 2.0]]], "name": ["a"]},
        "generation": {"prompt": ["a"], "max_tokens": [2]},
        "generation_ahead": {"prompt": ["a"], "max_tokens": [2]},
        "captioning": {"image": [PICTURES[0]], "max_tokens": [2]},
    }
    assert set(rows) == set(await client.pipelines())
    for name, columns in rows.items():
        await client.run(name, columns)


def test_the_alerts_are_rules_that_prometheus_takes(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(export("alerts"))
    checked = subprocess.run(
        ["promtool", "check", "rules", str(file)], capture_output=True, text=True, timeout=60
    )
    assert checked.returncode == 0, checked.stderr + checked.stdout
    assert "6 rules found" in checked.stdout

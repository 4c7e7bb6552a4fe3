"""What ``make playground`` serves; that it starts and ends is seen by hand."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from convoy_services.cli import app
from convoy_services.config import parse
from convoy_services.demo.playground import placed
from convoy_services.mesh.graph import plan
from convoy_services.recommendation.mesh import mesh_yaml
from convoy_services.recommendation.model.version import Card


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "models" / "1").mkdir(parents=True)
    priors = {"p_click": 0.05, "dwell": 8.0}
    names = ("dataset", "date", "data", "weights")
    card = Card(seed=0, sizes={}, metrics={}, priors=priors, **dict.fromkeys(names, ""))
    return placed(mesh_yaml(tmp_path / "models", f"sqlite:///{tmp_path}/events.db", card))


def test_its_mesh_is_fine(config: str, tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(config)
    result = CliRunner().invoke(app, ["check", str(file)])
    assert (result.exit_code, result.stderr) == (0, "")


def test_few_processes_serve_every_pipeline_and_what_the_page_shows_has_its_own(
    config: str,
) -> None:
    mesh = plan(parse(config))
    assert mesh.pipelines.keys() == {"recommendation", "similar", "items", "events", "embedding"}
    assert mesh.deployments.keys() == {
        *("features", "recall_vector", "recall_popular", "encode", "merge"),
        *("rank_click", "rank_dwell", "rerank"),
    }

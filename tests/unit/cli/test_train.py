"""``convoy simulate`` and ``convoy train``: from nothing to a folder that can be served."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from convoy_services.cli import app
from convoy_services.config import read
from convoy_services.mesh.graph import plan
from convoy_services.mesh.repository import Repository
from convoy_services.recommendation.store import open_store

SMALL = ["--users", "60", "--items", "120", "--impressions", "3000"]


def run(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train")
    run("simulate", "recommendation", "--out", folder / "log", *SMALL)
    return folder


def test_a_log_becomes_a_version_a_store_and_a_mesh(folder: Path) -> None:
    models = folder / "models"
    told = run("train", "recommendation", "--data", folder / "log", "--out", models, "--quick")
    assert "NDCG@10" in told
    assert "convoy up" in told
    assert Repository(models).versions() == ["1"]
    made = plan(read(models / "mesh.yaml"))
    assert made.pipelines["recommendation"].repository == Repository(models.resolve())
    with open_store(f"sqlite:///{models / 'events.db'}") as store:
        assert len(store.popular(0, 10)[0]) == 10
    mine = (models / "mesh.yaml").read_text().replace("events.db", "mine.db")
    (models / "mesh.yaml").write_text(mine)
    told = run("train", "recommendation", "--data", folder / "log", "--out", models, "--quick")
    assert Repository(models).versions() == ["1", "2"]
    assert (models / "mesh.yaml").read_text() == mine
    assert "convoy load" in told
    with open_store(f"sqlite:///{models / 'mine.db'}") as store:
        assert len(store.popular(0, 10)[0]) == 10


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--data", "nowhere"], "nowhere"),
        (["--data", "log", "--store", "mysql://x"], "a feature store is one of"),
        (["--data", "log", "--store", "redis://127.0.0.1:1/0"], "does not answer"),
        (["--data", "log", "--texts", "no-such-model"], "there is no encoder 'no-such-model'"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(folder: Path, words: list[str], told: str) -> None:
    given = [str(folder / word) if word in ("nowhere", "log") else word for word in words]
    out = folder / "others"
    result = CliRunner().invoke(
        app, ["train", "recommendation", "--out", str(out), "--quick", *given]
    )
    assert result.exit_code == 1
    assert told in result.output.replace("\n", "")
    assert "Traceback" not in result.output
    assert not Repository(out).versions()  # it is said before anything is trained


def test_a_mesh_whose_models_are_not_there_is_said_before_it_starts(
    folder: Path, tmp_path: Path
) -> None:
    text = (folder / "models" / "mesh.yaml").read_text()
    gone = tmp_path / "gone"
    config = tmp_path / "mesh.yaml"
    config.write_text(text.replace(str((folder / "models").resolve()), str(gone)))
    told = run("check", config).replace("\n", "")
    assert f"there is no version of a model in {gone}" in told
    assert "is fine" in told
    result = CliRunner().invoke(app, ["up", str(config), "--name", "gone"])
    assert result.exit_code == 1
    assert f"there is no version of a model in {gone}" in result.output.replace("\n", "")

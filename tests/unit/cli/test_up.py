"""What is told before a mesh starts."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from convoy_services.cli import app

CHAT = Path(__file__).parents[3] / "examples" / "chat-cpu.yaml"


def test_all_models_that_are_not_there_are_named_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first was once named when Ray was up, the second at the next start."""
    monkeypatch.delenv("CONVOY_MODELS", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("convoy_services.local.mesh.LocalMesh.start", None)
    result = CliRunner().invoke(app, ["up", str(CHAT)])
    assert result.exit_code == 1
    told = result.output.replace("\n", "")
    assert "stages.generate: the model HuggingFaceTB/SmolLM2-135M-Instruct is not on" in told
    assert "stages.caption: the model HuggingFaceTB/SmolVLM-256M-Instruct is not on" in told

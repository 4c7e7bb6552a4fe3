"""What ``convoy call`` says before and after the call itself."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from convoy import Batch, Degradation, Tensor
from convoy.v1 import pipeline_pb2 as pb
from convoy_services.cli import app
from convoy_services.cli.call import _inputs, _show
from convoy_services.local.ports import Ports


def test_where_no_mesh_answers_the_way_to_one_is_told() -> None:
    ports, claim = Ports.choose(0)
    with claim:
        result = CliRunner().invoke(app, ["call", "p", "--text", "a", "--target", ports.target])
    assert result.exit_code == 1
    says = f"no mesh answers on {ports.target}; start one with `convoy up`"
    assert result.stderr == f"error: {says}\n"


def test_a_mesh_that_is_named_must_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another than the one that was meant was called: whatever listened on port 9000."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    result = CliRunner().invoke(app, ["call", "p", "--text", "a", "--name", "typo"])
    assert result.exit_code == 1
    assert result.stderr == "error: no mesh typo is running\n"


def test_a_timeout_is_positive() -> None:
    result = CliRunner().invoke(app, ["call", "p", "--text", "a", "--timeout", "0"])
    assert result.exit_code == 1
    assert result.stderr == "error: --timeout is a number of seconds above 0\n"


def test_a_json_file_comes_alone() -> None:
    with pytest.raises(ValueError, match="alone"):
        _inputs(pb.DescribeResponse(), [], None, [Path("a.txt"), Path("r.json")])


def test_json_keeps_its_letters_and_degraded_rows_are_told_beside_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    degraded = Degradation(step="s", reason="late", rows=(0,))
    batch = Batch(rows=1, columns={"x": Tensor.texts(["é"])}, degradations=(degraded,))
    _show(batch, as_json=True)
    told = capsys.readouterr()
    assert json.loads(told.out) == [{"x": "é"}]
    assert "é" in told.out
    assert told.err == "s fell back (late) in rows 0\n"

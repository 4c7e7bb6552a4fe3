"""Every error at once, each with its line and what would be right."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from convoy_services.cli import app

STAGE = "stages: {a: {class: 'convoy_services.echo:Reflect'}}\n"
STEPS = "pipelines:\n  p:\n    steps:\n"


def check(file: Path) -> tuple[int, list[str], str]:
    """Give exit status, lines of complaint and output of ``convoy check``."""
    result = CliRunner().invoke(app, ["check", str(file)])
    return result.exit_code, result.stderr.splitlines(), result.stdout


BROKEN = {
    "no YAML": ("a: b: c\n", 1, "this is no YAML"),
    "a setting that there is not": (
        "stages:\n  a:\n    class: 'm:C'\n    replica: 3\npipelines: {}\n",
        4,
        "stages.a.replica: there is no such setting",
    ),
    "a class that there is not": (
        "stages:\n  a: {class: 'convoy_services.echo:Nope'}\npipelines: {}\n",
        2,
        "stages.a.class: convoy_services.echo:Nope",
    ),
    "a stage that there is not": (
        f"{STAGE}{STEPS}      - {{stage: b}}\n    outputs: [data]\n",
        5,
        "there is no stage 'b'; there are: a",
    ),
    "a column that nothing gives": (
        f"{STAGE}{STEPS}      - {{stage: a, from: [data], to: {{data: x}}}}\n    outputs: [x, y]\n",
        6,
        "no step gives a column 'y'; there are: x",
    ),
}


@pytest.mark.parametrize(("text", "line", "message"), BROKEN.values(), ids=BROKEN)
def test_a_problem_is_named_with_its_line(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(text)
    code, complaints, _ = check(file)
    assert code == 1
    assert len(complaints) == 1
    assert complaints[0].startswith(f"{file}:{line}: ")
    assert message in complaints[0]


def test_all_problems_are_named_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(
        "stages:\n  a: {class: 'convoy_services.echo:Nope'}\n"
        "  b: {class: 'convoy_services.echo:Reflect', place_with: z}\n"
        "pipelines:\n  p: {steps: [{stage: c}], outputs: [x]}\n"
    )
    code, complaints, _ = check(file)
    assert code == 1
    assert [complaint.split(":")[1] for complaint in complaints] == ["2", "3", "5"]


def test_what_was_written_is_shown_as_it_was_written(tmp_path: Path) -> None:
    """``:X:`` once became an emoji, and ``[bold]`` nothing."""
    file = tmp_path / "mesh.yaml"
    file.write_text("stages:\n  a: {class: 'brk:X:[bold]'}\npipelines: {}\n")
    assert "'brk:X:[bold]' is no class" in check(file)[1][0]


def test_a_file_that_is_fine_takes_one_line(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(
        f"{STAGE}{STEPS}      - {{stage: a, from: [data], to: {{data: x}}}}\n    outputs: [x]\n"
    )
    code, complaints, output = check(file)
    assert (code, complaints) == (0, [])
    assert output == f"{file} is fine: 1 pipeline, 1 stage, 1 deployment\n"


def test_stages_beside_the_file_are_found(tmp_path: Path) -> None:
    (tmp_path / "beside_mesh_yaml.py").write_text("from convoy_services.echo import Reflect\n")
    file = tmp_path / "mesh.yaml"
    file.write_text(
        "stages: {a: {class: 'beside_mesh_yaml:Reflect'}}\n"
        f"{STEPS}      - {{stage: a, from: [data], to: {{data: x}}}}\n    outputs: [x]\n"
    )
    code, complaints, _ = check(file)
    assert (code, complaints) == (0, [])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    code, complaints, _ = check(tmp_path / "none.yaml")
    assert code == 1
    assert complaints == [f"error: {tmp_path / 'none.yaml'}: No such file or directory"]


def test_the_mesh_that_ships_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["check"]).exit_code == 0

"""A pipeline as text and for Graphviz."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from convoy_services.cli import app

MESH = """
stages:
  first: {class: "convoy_services.echo:Receive"}
  left: {class: "convoy_services.echo:Reflect", replicas: 2}
  right: {class: "convoy_services.echo:Reflect", place_with: first}
pipelines:
  p:
    steps:
      - {stage: first, from: [data], to: {data: a}}
      - {stage: left, from: {data: a}, to: {data: b}}
      - {stage: right, from: {data: a}, to: {data: c}, when: wanted, fallback: {c: none}}
    outputs: [b, c]
"""

TEXT = """\
p: data BYTES [], wanted BOOL [] → b BYTES [], c BYTES []

input
 │ data BYTES []
first  (preprocess, in first)
 │ a BYTES []
left  (inference, in left x2)
 ┆ a BYTES [], from first
 ┆ wanted BOOL [], from input
right  (inference, in first, where wanted)
 ┆ b BYTES [], from left
 │ c BYTES []
output
"""

DOT = """\
digraph "p" {
  rankdir=LR; node [shape=box];
  subgraph "cluster_first" { label="first x1"; "first"; "right"; }
  subgraph "cluster_left" { label="left x2"; "left"; }
  "input" [shape=oval]; "output" [shape=oval];
  "input" -> "first" [label="data BYTES []"];
  "first" -> "left" [label="a BYTES []"];
  "first" -> "right" [label="a BYTES []"];
  "input" -> "right" [label="wanted BOOL []"];
  "left" -> "output" [label="b BYTES []"];
  "right" -> "output" [label="c BYTES []"];
}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "mesh.yaml"
    file.write_text(MESH)
    return str(file)


@pytest.mark.parametrize(("options", "expected"), [([], TEXT), (["--dot"], DOT)])
def test_every_column_is_an_edge(config: str, options: list[str], expected: str) -> None:
    result = CliRunner().invoke(app, ["graph", "p", "--config", config, *options])
    assert result.stdout == expected


def test_a_pipeline_that_there_is_not_is_named(config: str) -> None:
    result = CliRunner().invoke(app, ["graph", "q", "--config", config])
    assert result.exit_code == 1
    assert result.stderr == "error: there is no pipeline 'q'; there are: p\n"

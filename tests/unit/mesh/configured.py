"""Configurations for tests of the graph, and what is wrong with one."""

from textwrap import dedent

import pytest

from convoy_services.config import ConfigError, parse
from convoy_services.mesh.graph import plan
from convoy_services.mesh.plan import MeshPlan

STAGES = "tests.unit.mesh.stages"
SOUND = f"""\
stages:
  add: {{class: "{STAGES}:Add"}}
  more: {{class: "{STAGES}:Add", settings: {{by: 10}}}}
  odd: {{class: "{STAGES}:Odd"}}
  total: {{class: "{STAGES}:Total"}}
  count: {{class: "{STAGES}:Count"}}
  score: {{class: "{STAGES}:Score"}}
  name: {{class: "{STAGES}:Name"}}
  wide: {{class: "{STAGES}:Wide"}}
pipelines:
  every: # each stage is used, whatever p does
    steps:
      - {{stage: add, from: [x]}}
      - {{stage: more, from: [x], to: {{y: z}}}}
      - {{stage: odd, from: [x]}}
      - {{stage: total, from: {{a: x, b: y}}}}
      - {{stage: count, from: [x]}}
      - {{stage: score, from: [upto]}}
      - {{stage: name, from: [x]}}
      - {{stage: wide, from: [x]}}
    outputs: [y, z, odd, total, upto, scores, name, wide]
  p:
"""


def planned(text: str) -> MeshPlan:
    return plan(parse(text))


def pipeline(text: str) -> str:
    """Put a pipeline's lines after stages that are sound."""
    return SOUND + "".join(f"    {line}\n" for line in dedent(text).strip().splitlines())


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        planned(text)
    lines = text.splitlines()
    for problem in caught.value.problems:
        assert problem.line is None or 1 <= problem.line <= len(lines)
    return str(caught.value).splitlines()


def stage(text: str) -> str:
    """Put a stage beside one that is sound, and a pipeline."""
    return f"""\
stages:
  add: {{class: "{STAGES}:Add"}}
  {text}
pipelines:
  p:
    steps: [{{stage: add, from: [x]}}]
    outputs: [y]
"""

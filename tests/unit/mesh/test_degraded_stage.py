"""A stage that tells itself which of its rows are less than they should be."""

import pytest

from tests.unit.mesh import stages
from tests.unit.mesh.hosted import Hosted, numbers
from tests.unit.mesh.virtual_time import simulate

MESH = f"""
stages:
  doubt: {{class: "{stages.__name__}:Doubtful", settings: {{bad: BAD}}}}
  add: {{class: "{stages.__name__}:Add" PLACE}}
pipelines:
  p:
    steps: [{{stage: doubt, name: look, from: [x], to: {{y: z}}}}, {{stage: add, from: {{x: z}}}}]
    outputs: [y]
"""


@pytest.mark.parametrize("place", ["", ", place_with: doubt"])
@pytest.mark.parametrize(("bad", "failed"), [("[]", []), ("[3]", [2])])
def test_its_rows_are_degraded_under_the_steps_name(
    place: str, bad: str, failed: list[int]
) -> None:
    hosted = Hosted.of(MESH.replace("PLACE", place).replace("BAD", bad))
    result = simulate(hosted.ask(numbers(1, 2, 3, 4)))
    assert list(result.failures) == failed
    assert result["y"].tolist()[:2] == [3, 4]
    assert sorted(row for d in result.degradations for row in d.rows) == [1, 3]
    assert {(d.step, d.reason) for d in result.degradations} == {("look", "NOT_LOOKED_UP")}

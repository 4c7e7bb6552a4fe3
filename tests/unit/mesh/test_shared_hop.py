"""Stages placed together: one hop, and the host keeps the promises between them."""

import asyncio
from typing import Any

import numpy as np
import pytest

from convoy import Batch, Code, ConvoyError
from convoy_services.mesh.context import RowContext
from convoy_services.mesh.hop import StageRequest
from tests.unit.mesh.hosted import Hosted, numbers
from tests.unit.mesh.virtual_time import simulate

STAGES = "tests.unit.mesh.stages"


def chain(first: str = "", second: str = "", more: str = "", third: str = "") -> str:
    """Three steps: one alone, and two that share a deployment."""
    return f"""
stages:
  before: {{class: "{STAGES}:Add", settings: {{{first}}}}}
  home: {{class: "{STAGES}:Add", settings: {{{second}}}}}
  guest: {{class: "{STAGES}:Add", place_with: home, settings: {{{third}}}}}
pipelines:
  p:
    steps:
      - {{stage: before, from: [x], to: {{y: y0}}}}
      - {{stage: home, from: {{x: y0}}, to: {{y: y1}}}}
      - {{stage: guest, from: {{x: y1}}, to: {{y: y2}}{more}}}
    outputs: [y2]
"""


def ask(text: str, batch: Batch, output: str = "y2") -> tuple[Batch, dict[str, list[int]]]:
    async def scenario() -> tuple[Batch, dict[str, list[int]]]:
        hosted = Hosted.of(text)
        async with asyncio.timeout(60):
            result = await hosted.ask(batch)
        return result, {name: link.rows for name, link in hosted.links.items()}

    result, crossed = simulate(scenario())
    assert list(result.columns) == [output]
    return result, crossed


def test_steps_that_share_a_deployment_cost_one_hop() -> None:
    """The host once waited for the steps before the hop, which it never runs."""
    result, crossed = ask(chain(), numbers(1, 2))
    assert result["y2"].tolist() == [4, 5]
    assert crossed == {"before": [2], "home": [2]}


def test_all_steps_may_share_one_deployment() -> None:
    text = (
        chain()
        .replace(f'before: {{class: "{STAGES}:Add"', "\\g")
        .replace("\\g", (f'before: {{class: "{STAGES}:Add", place_with: home'))
    )
    result, crossed = ask(text, numbers(1, 2))
    assert result["y2"].tolist() == [4, 5]
    assert crossed == {"home": [2]}


def test_what_only_the_hop_itself_uses_does_not_come_back() -> None:
    async def scenario() -> list[str]:
        hosted = Hosted.of(chain())
        await hosted.ask(numbers(1))
        return list(hosted.links["home"].responses[0].batch.columns)

    assert simulate(scenario()) == ["y2"]


@pytest.mark.parametrize(
    ("faulty", "stage"),
    [({"second": "bad: [2]"}, "home"), ({"third": "by: 5, refused: [3]"}, "guest")],
)
def test_a_row_fails_alone_and_names_its_stage(faulty: dict[str, str], stage: str) -> None:
    result, _ = ask(chain(**faulty), numbers(0, 1, 2))
    assert {row: error.stage for row, error in result.failures.items()} == {1: stage}


def test_a_row_that_failed_before_the_hop_does_not_enter_it() -> None:
    result, crossed = ask(chain(first="bad: [1]"), numbers(0, 1, 2))
    assert set(result.failures) == {1}
    assert crossed["home"] == [2]
    assert [result["y2"].tolist()[row] for row in (0, 2)] == [3, 5]


def test_a_condition_inside_the_hop_is_kept_by_the_host() -> None:
    text = f"""
stages:
  odd: {{class: "{STAGES}:Odd"}}
  add: {{class: "{STAGES}:Add", place_with: odd}}
pipelines:
  p:
    steps:
      - {{stage: odd, from: [x]}}
      - {{stage: add, from: [x], when: odd, fallback: {{y: -7}}}}
    outputs: [y]
"""
    result, crossed = ask(text, numbers(1, 2, 3), "y")
    assert result["y"].tolist() == [2, -7, 4]
    assert crossed == {"odd": [3]}


def test_a_ragged_fallback_inside_the_hop_finds_the_column_that_it_is_like() -> None:
    text = f"""
stages:
  odd: {{class: "{STAGES}:Odd"}}
  count: {{class: "{STAGES}:Count"}}
  score: {{class: "{STAGES}:Score", place_with: odd}}
pipelines:
  p:
    steps:
      - {{stage: count, from: [x]}}
      - {{stage: odd, from: [x]}}
      - stage: score
        from: [upto]
        when: odd
        fallback: {{scores: {{value: 9, like: upto}}}}
    outputs: [scores]
"""
    result, _ = ask(text, numbers(2, 1, 0), "scores")
    assert result["scores"].tolist() == [[9.0, 9.0], [0.0], []]


def test_an_optional_step_inside_the_hop_degrades_for_its_rows_alone() -> None:
    more = ", optional: {budget: 20ms, fallback: {y2: -1}}"
    result, _ = ask(chain(third="bad: [4]", more=more), numbers(1, 2, 3))
    assert result["y2"].tolist() == [4, -1, 6]
    assert [(d.step, d.reason, d.rows) for d in result.degradations] == [
        ("guest", "INTERNAL", (1,))
    ]
    assert not result.failures


def test_degradations_inside_the_hop_name_rows_of_the_whole_batch() -> None:
    """Row 0 fails before the hop: inside it row 2 is the second of two."""
    more = ", optional: {budget: 20ms, fallback: {y2: -1}}"
    result, _ = ask(chain(first="bad: [1]", third="bad: [5]", more=more), numbers(1, 2, 3))
    assert set(result.failures) == {0}
    assert [(d.step, d.rows) for d in result.degradations] == [("guest", (2,))]
    assert result["y2"].tolist()[1:] == [5, -1]


def optional_hop(home: str = "") -> str:
    return f"""
stages:
  count: {{class: "{STAGES}:Count", settings: {{{home}}}}}
  score: {{class: "{STAGES}:Score", place_with: count}}
pipelines:
  p:
    steps:
      - stage: count
        from: [x]
        optional: {{budget: 20ms, fallback: {{upto: [0, 0]}}}}
      - stage: score
        from: [upto]
        optional: {{budget: 20ms, fallback: {{scores: {{value: 9, like: upto}}}}}}
    outputs: [scores]
"""


def test_a_hop_of_optional_steps_that_does_not_answer_falls_back_whole() -> None:
    """The fallback of one step may be like a column that never leaves the hop."""

    async def scenario() -> Batch:
        hosted = Hosted.of(optional_hop())
        hosted.links["count"].error = ConvoyError(Code.UNAVAILABLE, "gone", "REPLICA_UNAVAILABLE")
        return await hosted.ask(numbers(1, 2))

    result = simulate(scenario())
    assert result["scores"].tolist() == [[9.0, 9.0]] * 2
    assert [(d.reason, d.rows) for d in result.degradations] == [("REPLICA_UNAVAILABLE", (0, 1))]
    assert not result.failures


CROSSWISE = f"""
stages:
  a: {{class: "{STAGES}:Add", settings: {{by: 1}}}}
  b: {{class: "{STAGES}:Add", settings: {{by: 10}}}}
  c: {{class: "{STAGES}:Add", settings: {{by: 100}}, place_with: a}}
  d: {{class: "{STAGES}:Add", settings: {{by: 1000}}, place_with: b}}
  last: {{class: "{STAGES}:Total"}}
pipelines:
  p:
    steps:
      - {{stage: a, from: [x], to: {{y: ya}}}}
      - {{stage: b, from: [x], to: {{y: yb}}}}
      - {{stage: c, from: {{x: yb}}, to: {{y: yc}}}}
      - {{stage: d, from: {{x: ya}}, to: {{y: yd}}}}
      - {{stage: last, from: {{a: yc, b: yd}}}}
    outputs: [total]
"""


def test_steps_placed_crosswise_do_not_wait_for_each_other() -> None:
    result, _ = ask(CROSSWISE, numbers(1, 2), "total")
    assert result["total"].tolist() == [111 + 1002, 112 + 1003]


def test_a_stage_of_the_hop_can_be_called_alone() -> None:
    async def scenario() -> list[Any]:
        hosted = Hosted.of(chain(third="by: 5"))
        rows = RowContext(
            ids=np.arange(1, dtype=np.uint64),
            deadlines=np.array([9.0]),
            priorities=np.ones(1, np.uint8),
        )
        request = StageRequest(stage="guest", rows=rows, batch=numbers(1))
        return (await hosted.links["home"].call(request)).batch["y"].tolist()

    assert simulate(scenario()) == [6]


def test_a_hop_reports_the_work_of_all_its_steps() -> None:
    async def scenario() -> int:
        hosted = Hosted.of(chain(second="bad: [2]", third="bad: [4]"))
        await hosted.ask(numbers(0, 1, 2, 3))
        return hosted.links["home"].responses[0].report.bisections

    # In home the second of four rows stands alone after two splits, so does that of three in guest.
    assert simulate(scenario()) == 4

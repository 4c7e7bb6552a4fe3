"""The DAG executor: which rows and columns cross which hop, when, and what stands in for others."""

import asyncio
import gc
from typing import Any

import numpy as np
import pytest

from convoy import Batch, Code, ConvoyError
from convoy_services.mesh import fault
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.context import RowContext
from convoy_services.mesh.executor import Executor
from convoy_services.mesh.journey import Journey
from convoy_services.mesh.table import Table
from tests.unit.mesh.hosted import Hosted, numbers
from tests.unit.mesh.virtual_time import simulate

STAGES = "tests.unit.mesh.stages"
DIAMOND = f"""
stages:
  first: {{class: "{STAGES}:Add"}}
  left: {{class: "{STAGES}:Add", settings: {{by: 10}}}}
  right: {{class: "{STAGES}:Add", settings: {{by: 100}}}}
  last: {{class: "{STAGES}:Total"}}
pipelines:
  p:
    steps:
      - {{stage: first, from: [x], to: {{y: y0}}}}
      - {{stage: left, from: {{x: y0}}, to: {{y: yl}}}}
      - {{stage: right, from: {{x: y0}}, to: {{y: yr}}}}
      - {{stage: last, from: {{a: yl, b: yr}}}}
    outputs: [total]
"""


def when(fallback: str, more: str = "", add: str = "") -> str:
    """Odd numbers pass ``add``, the others take its fallback."""
    return f"""
stages:
  odd: {{class: "{STAGES}:Odd"}}
  add: {{class: "{STAGES}:Add", settings: {{{add}}}}}
  last: {{class: "{STAGES}:Total"}}
pipelines:
  p:
    steps:
      - {{stage: odd, from: [x]}}
      - {{stage: add, from: [x], when: odd, {fallback} {more}}}
      - {{stage: last, from: {{a: x, b: y}}}}
    outputs: [y, total]
"""


def optional(settings: str = "", more: str = "") -> str:
    return f"""
stages:
  add: {{class: "{STAGES}:Add", settings: {{{settings}}}}}
  last: {{class: "{STAGES}:Total"}}
pipelines:
  p:
    steps:
      - {{stage: add, from: [x], optional: {{budget: 20ms, fallback: {{y: -1}}}}{more}}}
      - {{stage: last, from: {{a: x, b: y}}}}
    outputs: [y, total]
"""


def codes(batch: Batch) -> dict[int, str]:
    return {row: error.reason for row, error in batch.failures.items()}


def degraded(batch: Batch) -> list[tuple[str, str, list[int]]]:
    return [(d.step, d.reason, list(d.rows)) for d in batch.degradations]


# Order and time


def test_parallel_branches_overlap() -> None:
    async def scenario() -> tuple[float, list[Any]]:
        hosted = Hosted.of(DIAMOND, first=0.001, left=0.010, right=0.030, last=0.002)
        result = await hosted.ask(numbers(1, 2))
        return asyncio.get_running_loop().time(), result["total"].tolist()

    seconds, total = simulate(scenario())
    assert seconds == pytest.approx(0.001 + 0.030 + 0.002)
    assert total == [2 + 10 + 2 + 100, 3 + 10 + 3 + 100]


def test_a_step_starts_as_soon_as_its_own_inputs_are_there() -> None:
    text = f"""
stages:
  slow: {{class: "{STAGES}:Add"}}
  fast: {{class: "{STAGES}:Add"}}
  after: {{class: "{STAGES}:Add"}}
  last: {{class: "{STAGES}:Total"}}
pipelines:
  p:
    steps:
      - {{stage: slow, from: [x], to: {{y: ys}}}}
      - {{stage: fast, from: [x], to: {{y: yf}}}}
      - {{stage: after, from: {{x: yf}}, to: {{y: ya}}}}
      - {{stage: last, from: {{a: ys, b: ya}}}}
    outputs: [total]
"""

    async def scenario() -> tuple[float, float]:
        hosted = Hosted.of(text, slow=0.030, fast=0.010, after=0.010, last=0.001)
        await hosted.ask(numbers(1))
        return hosted.links["after"].times[0][0], asyncio.get_running_loop().time()

    assert simulate(scenario()) == (pytest.approx(0.010), pytest.approx(0.031))


def test_only_the_columns_that_a_step_takes_cross_to_it() -> None:
    async def scenario() -> dict[str, list[str]]:
        hosted = Hosted.of(DIAMOND)
        await hosted.ask(numbers(1))
        return {name: list(link.requests[0].batch.columns) for name, link in hosted.links.items()}

    assert simulate(scenario()) == {
        "first": ["x"],
        "left": ["x"],
        "right": ["x"],
        "last": ["a", "b"],
    }


def test_every_request_says_for_whom_it_runs() -> None:
    async def scenario() -> list[tuple[str, str, str, str]]:
        hosted = Hosted.of(DIAMOND)
        executor = Executor("p", hosted.mesh.plan.pipelines["p"].hops, hosted.links)
        rows = RowContext(
            ids=np.arange(1, dtype=np.uint64),
            deadlines=np.array([9.0]),
            priorities=np.ones(1, np.uint8),
        )
        await executor.run(numbers(1), rows, model_version="v7", journey=Journey())
        sent = [link.requests[0] for link in hosted.links.values()]
        return [(r.pipeline, r.step, r.stage, r.model_version) for r in sent]

    assert simulate(scenario()) == [
        ("p", name, name, "v7") for name in ("first", "left", "right", "last")
    ]


# Conditions


@pytest.mark.parametrize(
    ("given", "crossed", "expected"),
    [
        ([1, 2, 3, 4], [2], [2, -7, 4, -7]),
        ([1, 3], [2], [2, 4]),
        ([2, 4], [], [-7, -7]),
        ([2, 1], [1], [-7, 2]),
    ],
)
def test_only_rows_whose_condition_holds_cross_and_the_others_take_the_fallback(
    given: list[int], crossed: list[int], expected: list[int]
) -> None:
    """The rows that came back once overwrote the fallback of the others with zeros."""

    async def scenario() -> tuple[list[int], Batch]:
        hosted = Hosted.of(when("fallback: {y: -7}"))
        result = await hosted.ask(numbers(*given))
        return hosted.links["add"].rows, result

    rows, result = simulate(scenario())
    assert rows == crossed
    assert result["y"].tolist() == expected
    assert result["total"].tolist() == [x + y for x, y in zip(given, expected, strict=True)]
    assert not result.failures
    assert not result.degradations


def test_a_condition_may_be_an_input() -> None:
    text = f"""
stages:
  add: {{class: "{STAGES}:Add"}}
pipelines:
  p:
    steps:
      - {{stage: add, from: [x], when: wanted, fallback: {{y: 0}}}}
    outputs: [y]
"""

    async def scenario() -> list[Any]:
        hosted = Hosted.of(text)
        columns = hosted.mesh.pipeline("p").plan.inputs
        batch = columns.pack(rows=3, x=[5, 6, 7], wanted=[True, False, True])
        return (await hosted.ask(batch))["y"].tolist()

    assert simulate(scenario()) == [6, 0, 8]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([1, 2, 0, 3], [[0.0], [0.25, 0.25], [], [0.0, 0.5, 1.0]]),
        ([2, 0], [[0.25, 0.25], []]),
        ([3], [[0.0, 0.5, 1.0]]),
    ],
)
def test_a_ragged_fallback_has_the_lengths_of_the_column_that_it_is_like(
    given: list[int], expected: list[list[float]]
) -> None:
    text = f"""
stages:
  odd: {{class: "{STAGES}:Odd"}}
  count: {{class: "{STAGES}:Count"}}
  score: {{class: "{STAGES}:Score"}}
pipelines:
  p:
    steps:
      - {{stage: odd, from: [x]}}
      - {{stage: count, from: [x]}}
      - stage: score
        from: [upto]
        when: odd
        fallback: {{scores: {{value: 0.25, like: upto}}}}
    outputs: [scores]
"""

    async def scenario() -> list[Any]:
        return (await Hosted.of(text).ask(numbers(*given)))["scores"].tolist()

    assert simulate(scenario()) == expected


def test_a_row_that_fails_its_conditional_step_fails_and_its_neighbours_keep_theirs() -> None:
    async def scenario() -> Batch:
        hosted = Hosted.of(when("fallback: {y: -7}", add="bad: [3]"))
        return await hosted.ask(numbers(1, 2, 3, 4))

    result = simulate(scenario())
    assert codes(result) == {2: "INTERNAL"}
    assert [v for row, v in enumerate(result["y"].tolist()) if row != 2] == [2, -7, -7]


def test_rows_that_all_failed_before_a_condition_keep_their_own_errors() -> None:
    """The condition's column was then missing, and every caller was told of an internal error."""

    async def scenario() -> Batch:
        hosted = Hosted.of(when("fallback: {y: -7}"))
        hosted.links["odd"].error = ConvoyError(Code.UNAVAILABLE, "gone", "REPLICA_UNAVAILABLE")
        return await hosted.ask(numbers(1, 2))

    assert codes(simulate(scenario())) == dict.fromkeys(range(2), "REPLICA_UNAVAILABLE")


# Optional steps


def test_a_step_over_its_budget_falls_back_at_the_budgets_end() -> None:
    async def scenario() -> tuple[float, Batch]:
        hosted = Hosted.of(optional(), add=10.0)
        result = await hosted.ask(numbers(1, 2))
        return asyncio.get_running_loop().time(), result

    seconds, result = simulate(scenario())
    assert seconds == pytest.approx(0.020)
    assert result["total"].tolist() == [0, 1]
    assert degraded(result) == [("add", "BUDGET_EXCEEDED", [0, 1])]
    assert not result.failures


def test_a_step_within_its_budget_is_not_degraded() -> None:
    async def scenario() -> Batch:
        return await Hosted.of(optional(), add=0.019).ask(numbers(1, 2))

    result = simulate(scenario())
    assert result["y"].tolist() == [2, 3]
    assert not result.degradations


def test_the_budget_crosses_as_the_deadline() -> None:
    async def scenario() -> list[float]:
        hosted = Hosted.of(optional())
        await hosted.ask(numbers(1))
        return list(hosted.links["add"].requests[0].rows.deadlines)

    assert simulate(scenario()) == [pytest.approx(0.020)]


@pytest.mark.parametrize(
    ("settings", "reason"), [("bad: [2, 4]", "INTERNAL"), ("refused: [2, 4]", "REFUSED")]
)
def test_only_the_rows_that_an_optional_step_could_not_do_fall_back(
    settings: str, reason: str
) -> None:
    async def scenario() -> Batch:
        return await Hosted.of(optional(settings)).ask(numbers(1, 2, 3, 4, 5))

    result = simulate(scenario())
    assert result["y"].tolist() == [2, -1, 4, -1, 6]
    assert result["total"].tolist() == [3, 1, 7, 3, 11]
    assert degraded(result) == [("add", reason, [1, 3])]
    assert not result.failures


def test_an_optional_step_that_does_not_answer_falls_back_with_the_links_reason() -> None:
    async def scenario() -> Batch:
        hosted = Hosted.of(optional())
        hosted.links["add"].error = ConvoyError(Code.UNAVAILABLE, "gone", "REPLICA_UNAVAILABLE")
        return await hosted.ask(numbers(1, 2))

    result = simulate(scenario())
    assert result["y"].tolist() == [-1, -1]
    assert degraded(result) == [("add", "REPLICA_UNAVAILABLE", [0, 1])]


def test_rows_that_do_not_want_an_optional_step_are_not_degraded_by_it() -> None:
    async def scenario() -> tuple[Batch, Batch]:
        text = when("optional: {budget: 20ms, fallback: {y: -7}}", add="bad: [3]")
        failing = await Hosted.of(text).ask(numbers(1, 2, 3, 4))
        late = await Hosted.of(text, add=1.0).ask(numbers(1, 2, 3, 4))
        return failing, late

    failing, late = simulate(scenario())
    assert failing["y"].tolist() == [2, -7, -7, -7]
    assert degraded(failing) == [("add", "INTERNAL", [2])]
    assert late["y"].tolist() == [-7] * 4
    assert degraded(late) == [("add", "BUDGET_EXCEEDED", [0, 2])]


# Required steps


def test_rows_that_a_required_step_fails_cross_no_further_hop() -> None:
    async def scenario() -> tuple[Batch, list[int]]:
        text = DIAMOND.replace('Add"}', 'Add", settings: {bad: [2], refused: [4]}}', 1)
        hosted = Hosted.of(text)
        result = await hosted.ask(numbers(1, 2, 3, 4))
        return result, hosted.links["left"].rows + hosted.links["last"].rows

    result, crossed = simulate(scenario())
    assert codes(result) == {1: "INTERNAL", 3: "REFUSED"}
    assert crossed == [2, 2]
    assert [result["total"].tolist()[row] for row in (0, 2)] == [114, 118]


def test_a_row_that_fails_in_both_branches_has_one_failure() -> None:
    async def scenario() -> Batch:
        text = DIAMOND.replace("by: 10}", "by: 10, refused: [2]}").replace(
            "by: 100}", "by: 100, refused: [2, 3]}"
        )
        return await Hosted.of(text, left=0.01, right=0.02).ask(numbers(1, 2, 3))

    result = simulate(scenario())
    assert {row: e.stage for row, e in result.failures.items()} == {0: "left", 1: "right"}
    assert result["total"].tolist()[2] == 4 + 10 + 4 + 100


def test_when_all_rows_have_failed_no_further_hop_is_made() -> None:
    async def scenario() -> tuple[dict[int, str], int]:
        text = DIAMOND.replace('Add"}', 'Add", settings: {bad: [1, 2]}}', 1)
        hosted = Hosted.of(text)
        result = await hosted.ask(numbers(1, 2))
        return codes(result), len(hosted.links["left"].requests)

    assert simulate(scenario()) == ({0: "INTERNAL", 1: "INTERNAL"}, 0)


def test_a_row_whose_deadline_passes_on_the_way_crosses_no_further_hop() -> None:
    """Rows of one batch have deadlines of their own."""

    async def scenario() -> tuple[list[int], list[Any]]:
        hosted = Hosted.of(DIAMOND, first=0.010)
        patient = asyncio.create_task(hosted.ask(numbers(1)))
        hasty = asyncio.create_task(hosted.ask(numbers(2), timeout=0.005))
        done = await asyncio.gather(patient, hasty, return_exceptions=True)
        return hosted.links["last"].rows, done

    crossed, (patient, hasty) = simulate(scenario())
    assert crossed == [1]
    assert patient["total"].tolist() == [114]
    assert hasty.code is Code.DEADLINE_EXCEEDED


# What nobody foresaw


@pytest.mark.parametrize("broken", ["first", "left", "right", "last"])
def test_an_unexpected_exception_fails_the_batch_under_an_id_and_nothing_after_it(
    broken: str,
) -> None:
    async def scenario() -> tuple[list[Any], Batch]:
        hosted = Hosted.of(DIAMOND, left=0.010, right=0.010)
        hosted.links[broken].error = RuntimeError("secret: 10.0.0.1")
        asked = [hosted.ask(numbers(n)) for n in range(3)]
        async with asyncio.timeout(60):
            errors = await asyncio.gather(*asked, return_exceptions=True)
        hosted.links[broken].error = None
        async with asyncio.timeout(60):
            return errors, await hosted.ask(numbers(1))

    errors, after = simulate(scenario())
    for error in errors:
        assert error.code is Code.INTERNAL
        assert error.metadata["id"] in error.message
        assert "secret" not in str(error)
    assert after["total"].tolist() == [114]


def test_branches_that_fail_together_leave_no_exception_unheard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A captured record of the first exception would hold on to the frames of both.
    monkeypatch.setattr(fault.log, "disabled", True)

    async def scenario() -> list[Any]:
        hosted = Hosted.of(DIAMOND, left=0.010, right=0.010)
        hosted.links["left"].error = hosted.links["right"].error = RuntimeError("both")
        unheard: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: unheard.append(what))
        with pytest.raises(ConvoyError, match="INTERNAL"):
            await hosted.ask(numbers(1))
        del hosted
        gc.collect()
        return unheard

    assert simulate(scenario()) == []


def test_a_cancelled_batch_takes_its_branches_along() -> None:
    async def scenario() -> int:
        hosted = Hosted.of(DIAMOND, left=10.0, right=20.0)
        asking = asyncio.create_task(hosted.ask(numbers(1)))
        await asyncio.sleep(1.0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.sleep(60.0)
        return sum(len(link.times) for link in hosted.links.values())

    assert simulate(scenario()) == 1


# The table that grows


def test_a_column_that_no_step_gave_is_zeros() -> None:
    columns = Columns(a=Column("FP32", [2]), b=Column("INT64", [-1]), c=Column("BYTES"))
    result = Table(numbers(1, 2)).result(columns, {"a": "a", "b": "b", "c": "c"})
    assert result["a"].tolist() == [[0, 0], [0, 0]]
    assert result["b"].tolist() == [[], []]
    assert result["c"].elements() == [b"", b""]

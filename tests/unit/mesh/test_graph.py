"""Pipelines: what is wrong with one is named with its place, its line and the way out."""

import re

import pytest

from convoy_services.config import ConfigError, survey
from convoy_services.mesh.graph import plan
from tests.unit.mesh.configured import STAGES, pipeline, problems

ADD = "- {stage: add, from: [x]}"


@pytest.mark.parametrize(
    ("steps", "outputs", "place", "says"),
    [
        pytest.param(
            "- {stage: ad, from: [x]}",
            "[y]",
            "steps.0.stage",
            "there is no stage 'ad'; did you mean add?",
            id="a stage that there is not",
        ),
        pytest.param(
            "- {stage: zzz, from: [x]}",
            "[y]",
            "steps.0.stage",
            "there are: add, more, odd",
            id="a stage that is like none",
        ),
        pytest.param(
            "- {stage: total, from: [a]}",
            "[total]",
            "steps.0.from",
            "total also needs b INT64 []",
            id="a column that is left out",
        ),
        pytest.param(
            "- {stage: add, from: [x, z]}",
            "[y]",
            "steps.0.from",
            "add does not take z: it takes x INT64 []",
            id="a column that the stage does not take",
        ),
        pytest.param(
            f"{ADD}\n- {{stage: score, from: {{upto: y}}}}",
            "[scores]",
            "steps.1.from",
            "score takes upto as INT64 [-1], but y is INT64 []",
            id="a column of another shape",
        ),
        pytest.param(
            "- {stage: wide, from: [x]}\n- {stage: add, from: {x: wide}}",
            "[y]",
            "steps.1.from",
            "add takes x as INT64 [], but wide is FP32 [4]",
            id="a column of another type",
        ),
        pytest.param(
            "- {stage: add, from: [x]}\n- {stage: name, from: {x: y, prefix: x}}",
            "[name]",
            "steps.1.from",
            "name takes prefix as BYTES [], but x is INT64 []",
            id="an input of two types",
        ),
        pytest.param(
            "- {stage: add, from: {x: z}}\n- {stage: more, from: {x: y}, to: {y: z}}",
            "[y]",
            "steps.0",
            "these steps wait for each other: add → more",
            id="a cycle",
        ),
        pytest.param(
            "- {stage: add, from: {x: y}}",
            "[y]",
            "steps.0",
            "these steps wait for each other: add",
            id="a step that waits for itself",
        ),
        pytest.param(
            f"{ADD}\n- {{stage: odd, from: [x]}}",
            "[y]",
            "steps.1",
            "nothing uses odd, which odd gives; name it in outputs, or drop it: to: {odd: null}",
            id="a column that nobody uses",
        ),
        pytest.param(
            f"{ADD}\n- {{stage: more, from: [x]}}",
            "[y]",
            "steps.1",
            "add gives y too; rename one: to: {y: …}",
            id="a column of two steps",
        ),
        pytest.param(
            f"{ADD}\n- {{stage: add, from: {{x: y}}, to: {{y: z}}}}",
            "[z]",
            "steps.1",
            "there are two steps add; give one another name",
            id="two steps of one name",
        ),
        pytest.param(
            ADD,
            "[yy]",
            "outputs",
            "no step gives a column 'yy'; did you mean y?",
            id="an output",
        ),
        pytest.param(ADD, "[y, x]", "outputs", "'x'", id="an input as an output"),
        pytest.param(
            "- {stage: add, from: [x], to: {z: w}}",
            "[y]",
            "steps.0.to",
            "add does not give z: it gives y INT64 []",
            id="a new name for a column that there is not",
        ),
        pytest.param(
            "- {stage: add, from: [x], when: x, fallback: {y: 0}}",
            "[y]",
            "steps.0.when",
            "when needs BOOL [], but x is INT64 []",
            id="a condition that is none",
        ),
        pytest.param(
            "- {stage: add, from: [x], when: yes_please}",
            "[y]",
            "steps.0.fallback",
            "y INT64 [] needs a fallback",
            id="a condition without a fallback",
        ),
        pytest.param(
            "- {stage: add, from: [x], optional: {budget: 1ms, fallback: {}}}",
            "[y]",
            "steps.0.optional",
            "y INT64 [] needs a fallback",
            id="an optional step without a fallback",
        ),
        pytest.param(
            "- {stage: add, from: [x], optional: {budget: 1ms, fallback: {y: 0, z: 1}}}",
            "[y]",
            "steps.0.optional",
            "add does not give z",
            id="a fallback for nothing",
        ),
        *(
            pytest.param(
                f"- {{stage: add, from: [x], optional: {{budget: 1ms, fallback: {{y: {value}}}}}}}",
                "[y]",
                "steps.0.optional",
                "is no fallback for y INT64 []",
                id=f"the fallback {value}",
            )
            for value in ("many", "0.5", "1.0e+300", "99999999999999999999", "[1, 2]", "null")
        ),
        pytest.param(
            "- {stage: count, from: [x]}\n"
            "- {stage: score, from: [upto], when: w, fallback: {scores: 0.5}}",
            "[scores]",
            "steps.1.fallback",
            "0.5 is no fallback for scores FP32 [-1]",
            id="a scalar fallback for ragged rows",
        ),
        pytest.param(
            "- {stage: add, from: [x], when: w, fallback: {y: {value: 0, like: x}}}",
            "[y]",
            "steps.0.fallback",
            "y cannot be like x: both must be ragged",
            id="a fallback like what is not ragged",
        ),
        pytest.param(
            "- {stage: count, from: [x]}\n"
            "- {stage: score, from: [upto], when: w,"
            " fallback: {scores: {value: 0, like: nope}}}",
            "[scores]",
            "steps.1.fallback",
            "scores cannot be like nope",
            id="a fallback like what there is not",
        ),
    ],
)
def test_what_is_wrong_with_a_pipeline_is_named_with_its_place(
    steps: str, outputs: str, place: str, says: str
) -> None:
    lines = [f"  {line}" for line in steps.splitlines()]
    text = pipeline("\n".join(["steps:", *lines, f"outputs: {outputs}"]))
    found = problems(text)
    assert any(says in line and f"pipelines.p.{place}: " in line for line in found), found
    where = next(line for line in found if says in line)
    number = int(re.match(r"line (\d+): ", where)[1])  # type: ignore[index]
    step = re.match(r"steps\.(\d+)", place)
    named = steps.splitlines()[int(step[1])] if step else f"outputs: {outputs}"
    assert text.splitlines()[number - 1].strip() == named


def test_an_input_that_is_not_declared_is_named() -> None:
    text = pipeline(f"""
        steps:
          {ADD}
        inputs: [xx]
        outputs: [y]
    """)
    found = problems(text)
    assert any("there is no column 'x'; did you mean xx?" in line for line in found)
    assert any("no step takes xx" in line for line in found)


def test_a_condition_that_is_not_declared_is_named() -> None:
    """It once became one more input without a word."""
    text = pipeline("""
        steps:
          - {stage: add, from: [x], when: wantd, fallback: {y: 0}}
        inputs: [x, wanted]
        outputs: [y]
    """)
    found = problems(text)
    assert any("steps.0.when: there is no column 'wantd'; did you mean wanted?" in f for f in found)


def test_faults_of_form_hide_no_fault_of_wiring_and_invent_none() -> None:
    text = f"""\
stages:
  add: {{class: "{STAGES}:Add", replicas: 0}}
  bad: {{class: nope, replicas: 0}}
  guest: {{class: "{STAGES}:Add", place_with: bad}}
pipelines:
  p:
    steps:
      - {{stage: bad}}
      - {{stage: add, from: [q]}}
      - {{stage: guest, budget: soon}}
    outputs: [anything]
    limits: {{timeout: 5}}
  q:
    steps: [{{stage: add, from: [x]}}]
    outputs: [yy]
  r:
    steps: [{{stage: ad, from: [x]}}]
    outputs: []
"""
    with pytest.raises(ConfigError) as caught:
        plan(survey(text))
    found = [".".join(map(str, problem.path)) for problem in caught.value.problems]
    assert found == [
        "stages.add.replicas",
        "stages.bad.class",
        "stages.bad.replicas",
        "pipelines.p.steps.1.from",
        "pipelines.p.steps.1.from",
        "pipelines.p.steps.2.budget",
        "pipelines.p.limits.timeout",
        "pipelines.q.steps.0",
        "pipelines.q.outputs",
        "pipelines.r.steps.0.stage",
        "pipelines.r.outputs",
    ]


def test_all_problems_are_named_at_once_in_the_order_of_their_lines() -> None:
    text = f"""\
stages:
  a: {{class: "{STAGES}:Nope"}}
  b: {{class: "{STAGES}:Fussy", settings: {{size: 0}}}}
  add: {{class: "{STAGES}:Add"}}
pipelines:
  p:
    steps:
      - {{stage: add, from: [q], to: {{z: w}}}}
    outputs: [nope]
  q:
    steps: [{{stage: ad, from: [x]}}]
    outputs: [y]
"""
    numbers = [int(re.match(r"line (\d+)", line)[1]) for line in problems(text)]  # type: ignore[index]
    assert numbers == sorted(numbers)
    assert {2, 3, 8, 9, 11} <= set(numbers)

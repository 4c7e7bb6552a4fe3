"""Configurations: what is wrong with one is named with its place, its line and the way out."""

import re
from pathlib import Path
from textwrap import dedent

import pytest

from convoy_services.config import ConfigError, parse, survey
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


def stage(text: str) -> str:
    return f"""\
stages:
  add: {{class: "{STAGES}:Add"}}
  {text}
pipelines:
  p:
    steps: [{{stage: add, from: [x]}}]
    outputs: [y]
"""


@pytest.mark.parametrize(
    ("given", "place", "says"),
    [
        ("s: {class: nope}", "stages.s.class", "'nope' is no class; write module:Name"),
        ('s: {class: "no.such.module:S"}', "stages.s.class", "No module named"),
        (f's: {{class: "{STAGES}:Nope"}}', "stages.s.class", "Nope"),
        (f's: {{class: "{STAGES}:NoStage"}}', "stages.s.class", "is not a Stage"),
        (f's: {{class: "{STAGES}:Silent"}}', "stages.s.class", "what it consumes and produces"),
        (f's: {{class: "{STAGES}:STAGES"}}', "stages.s.class", "STAGES"),
        (
            f's: {{class: "{STAGES}:Fussy", settings: {{size: 0}}}}',
            "stages.s.settings",
            "size is at least 1",
        ),
        (f's: {{class: "{STAGES}:Fussy"}}', "stages.s", "it needs the setting 'size'"),
        (
            f's: {{class: "{STAGES}:Odd", settings: {{by: 1}}}}',
            "stages.s.settings",
            "it takes no setting 'by'; there are: none",
        ),
        (
            f's: {{class: "{STAGES}:Add", settings: {{bye: 1}}}}',
            "stages.s.settings",
            "it takes no setting 'bye'; did you mean by?",
        ),
        (
            f's: {{class: "{STAGES}:Add", place_with: ad}}',
            "stages.s.place_with",
            "'ad' with a deployment of its own; did you mean add?",
        ),
        (f's: {{class: "{STAGES}:Add", place_with: s}}', "stages.s.place_with", "there are: add"),
        (
            f's: {{class: "{STAGES}:Add", replicas: 0}}',
            "stages.s.replicas",
            "greater than or equal",
        ),
        (f's: {{class: "{STAGES}:Add", replica: 2}}', "stages.s.replica", "no such setting"),
        (f'S!: {{class: "{STAGES}:Add"}}', "stages.S!", "is no name"),
        ("s: {settings: {}}", "stages.s.class", "this is missing"),
        ('s: {class: "tests.unit.mesh.broken_module:S"}', "stages.s.class", "out of order"),
    ],
)
def test_what_is_wrong_with_a_stage_is_named_with_its_place(
    given: str, place: str, says: str
) -> None:
    found = problems(stage(given))
    assert any(says in line and f"line 3: {place}" in line for line in found), found


def test_a_chain_of_places_is_refused() -> None:
    text = stage(
        f'b: {{class: "{STAGES}:Add", place_with: add}}\n'
        f'  c: {{class: "{STAGES}:Add", place_with: b}}'
    )
    found = problems(text)
    says = "there is no stage 'b' with a deployment of its own; there are: add"
    assert f"line 4: stages.c.place_with: {says}" in found


CHAT = (Path(__file__).parents[3] / "examples" / "chat-cpu.yaml").read_text()


@pytest.mark.parametrize(
    ("right", "wrong", "place", "says"),
    [
        ("cache_tokens: 8192", "cache_token: 8192", "generate.settings", "mean cache_tokens?"),
        ("engine: transformers", "engine: tensorrt", "generate.settings", "no engine 'tensorrt'"),
        ("max_waiting: 64", "max_waiting: many", "generate.settings", "it is 'many'"),
        ("      model: *chat\n", "", "generate.settings", "it needs the setting 'model'"),
        (":Generate\n", ":Generat\n", "generate.class", "no attribute 'Generat'"),
        ("max_batch: 2", "maxbatch: 2", "caption.settings", "'maxbatch'; did you mean max_batch?"),
        ("max_side: 512", "maxside: 5", "decode.settings", "'maxside'; did you mean max_side?"),
        ("with: caption", "with: captio", "detokenize_caption.place_with", "mean caption?"),
        ("with: caption", "with: 5", "detokenize_caption.place_with", "valid string"),
        ("class: convoy_services.captioning:Caption", "class:", "caption.class", "valid string"),
    ],
)
def test_a_fault_of_a_stage_that_streams_or_goes_with_it_is_named_once(
    right: str, wrong: str, place: str, says: str
) -> None:
    """What stood behind it was once told to be placed with it, as it was."""
    assert CHAT.count(right) == 1
    with pytest.raises(ConfigError) as caught:
        plan(survey(CHAT.replace(right, wrong)))
    (found,) = caught.value.problems
    assert ".".join(map(str, found.path)) == f"stages.{place}"
    assert says in found.message


def test_a_stage_that_stands_behind_a_streaming_one_elsewhere_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        plan(survey(CHAT.replace("place_with: caption\n", "\n")))
    assert "detokenize_caption: place it with the streaming stage" in str(caught.value)


def test_a_host_whose_guest_misspells_it_is_not_said_to_be_unused() -> None:
    text = stage(f'host: {{class: "{STAGES}:Odd"}}').replace('Add"', 'Add", place_with: hots')
    (found,) = problems(text)
    assert "did you mean host?" in found


def test_a_stage_that_nothing_uses_is_named() -> None:
    (found,) = problems(stage(f'spare: {{class: "{STAGES}:Add"}}'))
    assert found.startswith("line 3: stages.spare: no pipeline uses the stage 'spare'")


def test_a_stage_that_only_hosts_another_is_used() -> None:
    text = stage(f'host: {{class: "{STAGES}:Odd"}}').replace('Add"', 'Add", place_with: host')
    assert planned(text).deployments["host"].stages == ("add", "host")


def test_a_class_that_is_no_stage_is_named_once() -> None:
    found = problems(stage("s: {class: 'json:dumps'}"))
    assert "line 3: stages.s.class: json:dumps: is not a Stage" in found


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


def test_a_column_may_be_dropped_or_renamed() -> None:
    made = planned(
        pipeline("""
        steps:
          - {stage: add, from: [x]}
          - {stage: more, from: {x: y}, name: again, to: {y: z}}
          - {stage: odd, from: [x], to: {odd: null}}
        outputs: {result: z}
    """)
    ).pipelines["p"]
    assert list(made.inputs) == ["x"]
    assert list(made.outputs) == ["result"]
    assert made.sources == {"result": "z"}
    assert [step.name for step in made.steps] == ["add", "odd", "again"]
    assert [dict(step.produces) for step in made.steps] == [{"y": "y"}, {}, {"y": "z"}]


def test_an_input_is_optional_where_all_who_take_it_have_a_default() -> None:
    made = planned(
        pipeline("""
        steps:
          - {stage: add, from: [x]}
          - {stage: name, from: {x: y, prefix: prefix}}
        outputs: [name]
    """)
    ).pipelines["p"]
    assert {name: column.optional for name, column in made.inputs.items()} == {
        "x": False,
        "prefix": True,
    }


@pytest.mark.parametrize(
    ("takers", "finite"),
    [
        (["Careful", "Careless"], True),
        (["Careless", "Careful"], True),
        (["Careless", "Careless"], False),
    ],
)
def test_an_input_is_finite_where_one_who_takes_it_wants_it(
    takers: list[str], finite: bool
) -> None:
    stages = "tests.unit.mesh.stages"
    made = planned(f"""
stages:
  one: {{class: "{stages}:{takers[0]}"}}
  two: {{class: "{stages}:{takers[1]}"}}
pipelines:
  p:
    steps:
      - {{stage: one, from: [x], to: {{kept: first}}}}
      - {{stage: two, from: [x], to: {{kept: second}}}}
    outputs: [first, second]
""").pipelines["p"]
    assert made.inputs["x"].finite is finite


def test_steps_may_be_written_in_any_order() -> None:
    made = planned(
        pipeline("""
        steps:
          - {stage: total, from: {a: y, b: x}}
          - {stage: add, from: [x]}
        outputs: [total]
    """)
    ).pipelines["p"]
    assert [step.name for step in made.steps] == ["add", "total"]


def test_a_step_takes_all_its_columns_when_it_names_none() -> None:
    made = planned(
        pipeline("""
        steps:
          - {stage: name}
        outputs: [name]
    """)
    ).pipelines["p"]
    assert list(made.inputs) == ["x"]


def test_places_and_slots_follow_the_configuration() -> None:
    made = planned(
        f"""\
stages:
  add: {{class: "{STAGES}:Add", replicas: 5, cpus: 2, gpus: 0.5}}
  odd: {{class: "{STAGES}:Odd", place_with: add}}
pipelines:
  p:
    steps: [{{stage: add, from: [x]}}, {{stage: odd, from: {{x: y}}}}]
    outputs: [odd]
ingress: {{replicas: 2}}
"""
    )
    assert list(made.deployments) == ["add"]
    assert made.deployments["add"].stages == ("add", "odd")
    assert made.deployments["add"].cpus == 2
    assert made.deployments["add"].gpus == 0.5
    assert made.slots("add") == 3


def test_a_deployment_has_what_the_neediest_of_its_stages_needs() -> None:
    """A guest that asked for a GPU was once placed on a replica without one."""
    made = planned(
        stage(f's: {{class: "{STAGES}:Add", place_with: add, cpus: 3, gpus: 0.5}}')
        .replace(
            "[{stage: add, from: [x]}]",
            "[{stage: add, from: [x]}, {stage: s, from: {x: y}, to: {y: z}}]",
        )
        .replace("[y]", "[z]")
    ).deployments["add"]
    assert (made.cpus, made.gpus) == (3, 0.5)


@pytest.mark.parametrize(
    ("replicas", "ingresses", "slots"), [(1, 1, 2), (4, 1, 5), (1, 2, 1), (4, 2, 3), (1, 9, 1)]
)
def test_an_ingress_has_its_share_of_one_batch_more_than_replicas(
    replicas: int, ingresses: int, slots: int
) -> None:
    text = stage("").replace('Add"', f'Add", replicas: {replicas}', 1)
    made = planned(f"{text}ingress: {{replicas: {ingresses}}}\n")
    assert made.slots("add") == slots

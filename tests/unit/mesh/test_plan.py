"""What a sound configuration becomes."""

import pytest

from tests.unit.mesh.configured import STAGES, pipeline, planned, stage


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

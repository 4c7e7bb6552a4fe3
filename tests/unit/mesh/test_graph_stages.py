"""Stages: what is wrong with one is named with its place, its line and the way out."""

from pathlib import Path

import pytest

from convoy_services.config import ConfigError, survey
from convoy_services.mesh.graph import plan
from tests.unit.mesh.configured import STAGES, planned, problems, stage


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

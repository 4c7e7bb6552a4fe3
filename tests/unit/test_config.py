"""mesh.yaml as text: its form, before anything is wired."""

from pathlib import Path

import pytest

from convoy_services import config
from convoy_services.config import ConfigError, MeshConfig, parse

SOUND = """\
stages:
  a: {class: "m:A"}
pipelines:
  p:
    steps: [{stage: a}]
    outputs: [y]
"""


def with_limits(text: str) -> str:
    return f"{SOUND}    limits: {text}\n"


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the file: this is empty; write stages and pipelines"),
        ("[]", "line 1: the file: "),
        ("stages: [", "line 1: the file: this is no YAML"),
        ("a: b: c", "line 1: the file: this is no YAML"),
        ("stages: \x00", "this is no YAML"),
        ("a: !!python/object:os.system {}", "this is no YAML"),
        ("a: &a [*a]", "line 1: a.0: this contains itself"),
        ("{}", "stages: this is missing"),
        ("stages: {}", "pipelines: this is missing"),
        (SOUND.replace("[y]", "[]"), "line 6: pipelines.p.outputs: this is empty; "),
        (SOUND.replace("[{stage: a}]", "[]"), "line 5: pipelines.p.steps: this is empty; "),
        (
            SOUND.replace("stage: a", "stge: a"),
            "line 5: pipelines.p.steps.0.stage: this is missing",
        ),
        (SOUND.replace("stage: a", "stge: a"), "steps.0.stge: there is no such setting"),
        (SOUND.replace('"m:A"', "A"), "line 2: stages.a.class: 'A' is no class"),
        (SOUND.replace("p:\n", "P:\n"), "line 4: pipelines.P: 'P' is no name"),
        (SOUND + "stages: {}\n", "line 7: stages: this key is written twice"),
        (
            SOUND.replace('{class: "m:A"}', '{class: "m:A", class: "m:B"}'),
            "line 2: stages.a.class: this key is written twice",
        ),
        (with_limits("{timeout: 20 parsecs}"), "a duration is a number with us, ms, s, m or h"),
        *(
            (with_limits(f"{{timeout: {value}}}"), "a duration is a number with us")
            for value in ("0", "5", "2.5", "true")
        ),
        (with_limits("{timeout: 0s}"), "line 7: pipelines.p.limits.timeout"),
        (with_limits("{rows: 65536}"), "pipelines.p.limits.rows"),
        (with_limits("{bytes: 16 parsecs}"), "pipelines.p.limits.bytes"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, says: str) -> None:
    assert any(says in line for line in problems(text)), problems(text)


def test_several_problems_are_named_at_once() -> None:
    text = SOUND.replace('"m:A"', "A").replace("[y]", "[]") + "ingress: {replicas: 0}\nmore: 1\n"
    found = problems(text)
    assert [line.partition(":")[0] for line in found] == ["line 2", "line 6", "line 7", "line 8"]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("20ms", 0.02), ("150us", 0.00015), ("1.5s", 1.5), ("2m", 120), ("1h", 3600)],
)
def test_durations_have_units(written: str, seconds: float) -> None:
    limits = parse(with_limits(f"{{timeout: {written}}}")).mesh.pipelines["p"].limits
    assert limits.timeout == pytest.approx(seconds)


def test_sizes_have_units() -> None:
    limits = parse(with_limits("{bytes: 16MiB}")).mesh.pipelines["p"].limits
    assert limits.bytes == 16 << 20


def test_the_line_of_a_place_is_that_of_the_nearest_place_around_it() -> None:
    source = parse(SOUND)
    assert source.problem(("pipelines", "p", "steps", 0, "from"), "").line == 5
    assert source.problem(("ingress",), "").line == 1


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(SOUND)
    assert isinstance(config.read(file).mesh, MeshConfig)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_bytes(b"stages: \xff")
    with pytest.raises(ConfigError, match="UTF-8"):
        config.read(file)

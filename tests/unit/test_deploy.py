"""compose.yaml, the Dockerfile and what they provision: checked, for they cannot run here."""

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from convoy_gateway.settings import PREFIX, Settings, unknown
from convoy_services.cli import app
from convoy_services.cli.source import PACKAGED

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
[SCHEMA] = (ROOT / ".venv-tools").glob(
    "lib/python3*/site-packages/compose/config/compose_spec.json"
)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return loaded


def test_compose_is_as_its_schema_says(compose: dict[str, Any]) -> None:
    jsonschema.Draft201909Validator(json.loads(SCHEMA.read_text())).validate(compose)


def test_what_is_mounted_is_there_and_published_ports_stay_on_this_machine(
    compose: dict[str, Any],
) -> None:
    for name, service in compose["services"].items():
        for mount in service.get("volumes", ()):
            assert (ROOT / mount.partition(":")[0]).is_file(), f"{name}: {mount}"
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name}: {port}"


def test_images_are_pinned_and_what_is_built_is_a_target_of_the_dockerfile(
    compose: dict[str, Any],
) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for service in compose["services"].values():
        if "build" in service:
            assert f" AS {service['build']['target']}\n" in dockerfile
        else:
            assert ":" in service["image"]
            assert not service["image"].endswith(":latest")


@pytest.mark.parametrize(
    ("name", "health"), [("mesh", '"convoy", "health"'), ("gateway", "/livez")]
)
def test_an_image_has_no_rank_and_asks_for_its_health(name: str, health: str) -> None:
    target = stage(name)
    assert "USER convoy" in target
    assert any(line.startswith("HEALTHCHECK") and health in line for line in target)


def test_the_mesh_starts_by_a_command_that_there_is() -> None:
    [command] = [line.removeprefix("CMD ") for line in stage("mesh") if line.startswith("CMD")]
    result = CliRunner().invoke(app, [*json.loads(command), "--help"])
    assert result.exit_code == 0


def test_the_gateways_settings_are_such(compose: dict[str, Any]) -> None:
    [host] = [line.removeprefix("ENV ") for line in stage("gateway") if line.startswith("ENV")]
    settings = compose["services"]["gateway"]["environment"] | dict([host.split("=", 1)])
    assert unknown(settings) == []
    fields = {name.removeprefix(PREFIX).lower(): value for name, value in settings.items()}
    assert Settings(**fields).target == "mesh:9000"


def stage(name: str) -> list[str]:
    """Give the lines of one target of the Dockerfile."""
    _, _, text = (ROOT / "Dockerfile").read_text().partition(f"FROM base AS {name}\n")
    return text.partition("\nFROM ")[0].splitlines()


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("alerts.yaml", ["alerts"]),
        ("grafana/convoy.json", ["dashboard", str(PACKAGED)]),
    ],
)
def test_what_is_provisioned_is_what_is_exported(file: str, words: list[str]) -> None:
    """``convoy export …  > deploy/…`` makes them anew."""
    exported = CliRunner().invoke(app, ["export", *words])
    assert (DEPLOY / file).read_text() == exported.stdout


def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    for name in ("prometheus.yaml", "alerts.yaml"):
        (tmp_path / name).write_text((DEPLOY / name).read_text())
    checked = subprocess.run(
        ["promtool", "check", "config", str(tmp_path / "prometheus.yaml")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert checked.returncode == 0, checked.stderr + checked.stdout


def test_the_collector_sends_on_what_it_receives() -> None:
    config = yaml.safe_load((DEPLOY / "collector.yaml").read_text())
    for pipeline in config["service"]["pipelines"].values():
        for kind in ("receivers", "processors", "exporters"):
            assert set(pipeline[kind]) <= set(config[kind])

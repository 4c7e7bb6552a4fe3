"""The Serve config, by Serve's own schema."""

from pathlib import Path

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema
from typer.testing import CliRunner

from convoy_services import serve_config
from convoy_services.app import build
from convoy_services.cli import app
from convoy_services.rpc import forward, native


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "mesh.yaml"
    file.write_text(
        "# mine\nstages: {a: {class: 'convoy_services.echo:Reflect'}}\npipelines:\n  p:\n"
        "    steps: [{stage: a, from: [data], to: {data: x}}]\n    outputs: [x]\n"
    )
    return file


def export(config: Path, *options: str) -> ServeDeploySchema:
    result = CliRunner().invoke(app, ["export", "serve", str(config), *options])
    assert result.exit_code == 0, result.stderr
    return ServeDeploySchema.model_validate(yaml.safe_load(result.stdout))


def test_serve_takes_the_config(config: Path) -> None:
    schema = export(config, "--port", "9700")
    assert schema.grpc_options.port == 9700
    assert [application.name for application in schema.applications] == [forward.APP]
    assert schema.applications[0].args == {"config": config.read_text()}


def test_serve_can_import_what_the_config_names(config: Path) -> None:
    schema = export(config)
    named = native.add_services_to_server
    assert schema.grpc_options.grpc_servicer_functions == [f"{named.__module__}.{named.__name__}"]
    assert schema.applications[0].import_path == f"{build.__module__}:{build.__name__}"
    assert build(schema.applications[0].args) is not None


@pytest.mark.parametrize(("options", "haproxy"), [([], "1"), (["--plain"], None)])
def test_the_settings_of_serve_travel_along(
    config: Path, options: list[str], haproxy: str | None
) -> None:
    settings = export(config, *options).controller_options.runtime_env["env_vars"]
    assert settings.get("RAY_SERVE_ENABLE_HA_PROXY") == haproxy
    assert settings["RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD"] == "0"


def test_the_application_has_one_name() -> None:
    assert serve_config.APP == forward.APP


def test_a_faulty_mesh_is_not_exported(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text("stages: {}\n")
    result = CliRunner().invoke(app, ["export", "serve", str(file)])
    assert result.exit_code == 1
    assert result.stdout == ""

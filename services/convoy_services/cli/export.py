"""``convoy export``: the mesh in the forms that other tools take."""

import json
from typing import Annotated

import typer

from convoy_services.cli import source

export = typer.Typer(help="Write the mesh in a form that another tool takes.")


@export.command()
def serve(
    config: source.Config = None,
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where callers find it.")] = 9000,
    plain: Annotated[
        bool, typer.Option("--plain", help="Serve's default proxy instead of HAProxy.")
    ] = False,
) -> None:
    """Write a Serve config, for `serve deploy` and KubeRay; convoy must be installed there."""
    from convoy_services.serve_config import as_yaml, serve_config

    file = source.load(config)
    source.checked(file)
    typer.echo(as_yaml(serve_config(file.text, port=port, plain=plain)), nl=False)


@export.command()
def dashboard(config: source.Config = None) -> None:
    """Write a Grafana dashboard, made from the mesh's graph; Prometheus is its data source."""
    from convoy_services.telemetry.dashboard import dashboard as made

    typer.echo(json.dumps(made(source.checked(source.load(config))), indent=2))


@export.command()
def alerts() -> None:
    """Write Prometheus' alerting rules: error budget, queue growth, degraded, orphans."""
    import yaml

    from convoy_services.telemetry.alerts import alerts as made

    typer.echo(yaml.safe_dump(made(), sort_keys=False, width=100), nl=False)

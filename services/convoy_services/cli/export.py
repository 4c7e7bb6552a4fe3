"""``convoy export``: the mesh in the forms that other tools take."""

from typing import Annotated

import typer

from convoy_services.cli import source

export = typer.Typer(help="Write the mesh in a form that another tool takes.")


@export.callback()
def _main() -> None:
    """Keep ``serve`` a word of its own: another form may follow."""


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

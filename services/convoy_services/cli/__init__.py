"""The command ``convoy``: one file a command; what a command needs is imported when it runs."""

import typer

from convoy_services.cli.bench import bench
from convoy_services.cli.call import call
from convoy_services.cli.check import check
from convoy_services.cli.down import down
from convoy_services.cli.export import export
from convoy_services.cli.graph import graph
from convoy_services.cli.health import health
from convoy_services.cli.load import load
from convoy_services.cli.simulate import simulate
from convoy_services.cli.status import status
from convoy_services.cli.top import top
from convoy_services.cli.trace import trace
from convoy_services.cli.train import train
from convoy_services.cli.up import up
from convoy_services.cli.update import update

app = typer.Typer(
    name="convoy",
    help="A gRPC inference mesh on Ray Serve.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    *(up, update, load, status, top, trace, down),
    *(call, health, bench, graph, check),
):
    app.command()(command)
app.add_typer(export, name="export")
app.add_typer(simulate, name="simulate")
app.add_typer(train, name="train")

"""``convoy simulate``: make data whose truth is known."""

from pathlib import Path
from typing import Annotated

import typer

from convoy_services.cli.console import err, fail, out

simulate = typer.Typer(help="Make data whose truth is known.", no_args_is_help=True)


@simulate.callback()
def _group() -> None:
    """Keep the command's name even while it is the only one."""


@simulate.command()
def recommendation(
    *,
    out_folder: Annotated[Path, typer.Option("--out", help="The folder to write into.")],
    users: Annotated[int, typer.Option(min=1)] = 2000,
    items: Annotated[int, typer.Option(min=10)] = 5000,
    impressions: Annotated[int, typer.Option(min=1)] = 300_000,
    days: Annotated[int, typer.Option(min=1)] = 14,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Write a short-video log in KuaiRand's layout, and beside it what is true."""
    from rich.progress import Progress

    from convoy_services.recommendation.training.simulator import simulate as simulated

    try:
        with Progress(console=err, transient=True) as bars:
            bar = bars.add_task("impressions", total=impressions)
            for count in simulated(
                out_folder, users=users, items=items, impressions=impressions, days=days, seed=seed
            ):
                bars.advance(bar, count)
    except OSError as exc:
        fail(str(exc))
    out.print(f"{impressions} impressions of {items} items to {users} users: {out_folder}")

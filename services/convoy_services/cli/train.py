"""``convoy train``: train the models of a pipeline on a log."""

from itertools import accumulate
from pathlib import Path
from typing import Annotated

import typer

from convoy_services.cli.console import err, fail, out

train = typer.Typer(help="Train the models of a pipeline.", no_args_is_help=True)


@train.callback()
def _group() -> None:
    """Keep the command's name even while it is the only one."""


@train.command()
def recommendation(
    *,
    data: Annotated[
        Path, typer.Option(help="A folder in the layout of MovieLens or KuaiRand, or any other.")
    ],
    repository: Annotated[
        Path, typer.Option("--out", help="The model repository; the next version is written there.")
    ],
    columns: Annotated[
        Path | None, typer.Option(help="Where the columns are, as YAML, in any other layout.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    texts: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="Embed the items' titles, too, with this encoder; default: as the last version's.",
        ),
    ] = "",
    store: Annotated[
        str,
        typer.Option(metavar="URL", help="The feature store; default: that of OUT/mesh.yaml."),
    ] = "",
    quick: Annotated[bool, typer.Option("--quick", help="Take few steps, to try it out.")] = False,
    threads: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Train recall and rankers, measure them, and write the next version.

    The log's users go into the feature store, and a mesh.yaml that serves all beside the versions,
    where there is none. Where the data has the truth of `convoy simulate`, the oracle is measured.
    """
    from rich.progress import Progress, TaskID
    from rich.table import Table

    from convoy_services.recommendation.mesh import (
        MESH,
        check_encoder,
        mesh_yaml,
        store_of,
        text_model,
    )
    from convoy_services.recommendation.model.version import Card
    from convoy_services.recommendation.store import StoreUnavailable, open_store
    from convoy_services.recommendation.training.backfill import backfill
    from convoy_services.recommendation.training.card import COLUMNS, rows
    from convoy_services.recommendation.training.readers import read
    from convoy_services.recommendation.training.train import train as trained
    from convoy_services.recommendation.training.truth import FILE, Truth

    try:
        with Progress(console=err, transient=True) as progress:
            bars: dict[str, TaskID] = {}

            def tell(stage: str, done: int, of: int) -> None:
                if stage not in bars:
                    bars[stage] = progress.add_task(stage, total=of)
                progress.update(bars[stage], completed=done)

            tell("read", 0, 1)
            log = read(data, columns)
            truth = Truth.load(data) if (data / FILE).is_file() else None
            tell("read", 1, 1)
            texts = texts or text_model(repository)
            if texts:
                check_encoder(texts)
            repository.mkdir(parents=True, exist_ok=True)
            url = store or store_of(repository)
            with open_store(url) as opened:
                opened.popular(0, 1)  # what does not answer is told now, not when all is done
                folder = trained(
                    log,
                    repository,
                    seed=seed,
                    threads=threads,
                    quick=quick,
                    text_model=texts,
                    truth=truth,
                    progress=tell,
                )
                for done in accumulate(backfill(log.log, opened)):
                    tell("feature store", done, len(log.log))
    except (ValueError, OSError, StoreUnavailable) as exc:
        fail(str(exc))
    config = repository / MESH
    first = not config.exists()
    if first:
        config.write_text(mesh_yaml(repository, url, Card.load(folder)))
    table = Table("", *COLUMNS, title=f"version {folder.name}", title_justify="left")
    for row in rows(Card.load(folder).metrics):
        table.add_row(*row)
    out.print(table)
    out.print(f"the log's users are in {url.rpartition('@')[2]}")  # without a password
    then = f"start it: convoy up {config}" if first else "bring it in: convoy load recommendation"
    out.print(f"{folder}; {then}")

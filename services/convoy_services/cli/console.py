"""Where the commands write: results to standard output, all else to standard error."""

from typing import NoReturn

import typer
from rich.console import Console

out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
err = Console(highlight=False, soft_wrap=True, markup=False, emoji=False, stderr=True)


def fail(message: str) -> NoReturn:
    """Say what is wrong and end the command with exit status 1."""
    err.print("error:", style="red", end=" ")
    err.print(message)
    raise typer.Exit(1)

"""``convoy-gateway``: one process, until it is told to end."""

import os
import sys
from typing import NoReturn

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from convoy_gateway.settings import PREFIX, Settings, injected, unknown


def main() -> None:
    """Serve with the settings of the command line and the environment."""
    for name in injected():
        del os.environ[name]
    try:
        settings = Settings(_cli_parse_args=True)  # type: ignore[call-arg]
    except ValidationError as exc:
        _refuse(*map(_wrong, exc.errors()))
    if strange := unknown():
        _refuse(*(f"{name}: there is no such setting" for name in strange))
    # Here: what is told wrong hears of it at once.
    from convoy_gateway.server import serve

    serve(settings)


def _wrong(error: ErrorDetails) -> str:
    name = str(error["loc"][0])
    told = error["msg"].removeprefix("Value error, ")
    return f"--{name.replace('_', '-')} ({PREFIX}{name.upper()}): {told}"


def _refuse(*wrong: str) -> NoReturn:
    print(*wrong, sep="\n", file=sys.stderr)
    sys.exit(2)

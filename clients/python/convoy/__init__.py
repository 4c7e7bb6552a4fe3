"""Convoy's contract and client: batches of typed columns, errors, and the generated stubs."""

import importlib
import typing

from convoy.batch import Batch, Degradation
from convoy.code import Code
from convoy.datatype import Datatype
from convoy.errors import ConvoyError, Violation
from convoy.tensor import Tensor
from convoy.timing import Timing

if typing.TYPE_CHECKING:
    from convoy.client import Client, SyncClient

__all__ = [
    "Batch",
    "Client",
    "Code",
    "ConvoyError",
    "Datatype",
    "Degradation",
    "SyncClient",
    "Tensor",
    "Timing",
    "Violation",
]

if not typing.TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load the client when it is asked for: stages import convoy too, and need no gRPC."""
        if name not in ("Client", "SyncClient"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module("convoy.client"), name)

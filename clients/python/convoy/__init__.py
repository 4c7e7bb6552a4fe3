"""Convoy's contract and client: batches of typed columns, errors, and the generated stubs."""

from convoy.batch import Batch, Degradation
from convoy.code import Code
from convoy.datatype import Datatype
from convoy.errors import ConvoyError, Violation
from convoy.tensor import Tensor

__all__ = ["Batch", "Code", "ConvoyError", "Datatype", "Degradation", "Tensor", "Violation"]

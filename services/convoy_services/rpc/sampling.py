"""The contract's settings of generation as a pipeline's columns."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from convoy import Datatype, Tensor, Violation
from convoy.errors import invalid
from convoy.v1 import generation_pb2 as pb
from convoy_services.generation.sampling import COLUMNS, Sampling, faults
from convoy_services.mesh.plan import PipelinePlan

MAX_COMPLETIONS = 16
MAX_STOPS = 16
MAX_STOP = 1024
"""Bytes of a text that ends a completion."""

SETTINGS = tuple(
    name for name, column in COLUMNS.items() if not column.shape and name != "ignore_eos"
)
"""Settings of one value: the contract and the columns have the same names."""

SEEDS = 2**63
"""They are 0 to this, without it."""


def columns(message: pb.SamplingParameters, plan: PipelinePlan) -> dict[str, Tensor]:
    """Write settings as columns, a row for each completion; what is absent is left out.

    Raises ConvoyError INVALID_ARGUMENT that names every faulty setting.
    """
    rows = message.n if message.HasField("n") else 1
    given = {name: getattr(message, name) for name in SETTINGS if message.HasField(name)}
    _check(message, given, plan)
    tensors = {
        name: Tensor.pack([value] * rows, COLUMNS[name].datatype)
        for name, value in given.items()
        if name != "seed"
    }
    if "seed" in given:  # of several completions each has its own, or all would be the same
        seeds = [(given["seed"] + row) % SEEDS for row in range(rows)]
        tensors["seed"] = Tensor.pack(seeds, Datatype.INT64)
    if message.stop:
        tensors["stop"] = Tensor.pack([list(message.stop)] * rows, Datatype.BYTES, (-1,))
    if message.stop_token_ids:
        ids = [list(message.stop_token_ids)] * rows
        tensors["stop_token_ids"] = Tensor.pack(ids, COLUMNS["stop_token_ids"].datatype, (-1,))
    if message.ignore_eos:
        tensors["ignore_eos"] = Tensor.pack([True] * rows, Datatype.BOOL)
    return tensors


def _check(message: pb.SamplingParameters, given: Mapping[str, Any], plan: PipelinePlan) -> None:
    settings = Sampling(stop_token_ids=frozenset(message.stop_token_ids))
    wrong = faults(replace(settings, **given))
    if message.HasField("n") and not 1 <= message.n <= MAX_COMPLETIONS:
        wrong.append(Violation("n", f"take 1 to {MAX_COMPLETIONS}"))
    if len(message.stop) > MAX_STOPS:
        wrong.append(Violation("stop", f"take up to {MAX_STOPS}"))
    wrong += [
        Violation(f"stop[{n}]", f"take 1 to {MAX_STOP} bytes")
        for n, stop in enumerate(message.stop[:MAX_STOPS])
        if not 1 <= len(stop.encode()) <= MAX_STOP
    ]
    told = {field.name for field, _ in message.ListFields()} - {"n"}
    wrong += [
        Violation(name, "the pipeline does not take it")
        for name in sorted(told)
        if name not in plan.inputs
    ]
    if wrong:
        first, *more = [Violation(f"sampling.{one.field}", one.description) for one in wrong]
        raise invalid(first.field, first.description, *more)

"""The columns that tell a stage of those who ask."""

from convoy import Batch
from convoy.errors import invalid
from convoy_services.mesh.column import Column, Columns
from convoy_services.recommendation.model.context import BUCKETS
from convoy_services.recommendation.model.users import Users

USER_COLUMNS = Columns(
    user=Column("INT64", default=0),
    past=Column("INT64", [-1]),
    past_dwell=Column("FP32", [-1], finite=True),
    context=Column("INT64", [-1]),
    context_weight=Column("FP32", [-1], finite=True),
)
"""What ``Features`` gives and models take; see ``Users`` for the units."""


def users(batch: Batch) -> Users:
    """Read them.

    Raises ConvoyError INVALID_ARGUMENT where columns that belong together differ in length, and for
    buckets that there are not.
    """
    past, context = batch["past"], batch["context"]
    assert past.splits is not None
    assert context.splits is not None
    for name, other in (("past", "past_dwell"), ("context", "context_weight")):
        if (batch[name].lengths != batch[other].lengths).any():
            raise invalid(other, f"its rows are not as long as those of {name}")
    if context.array.size and not 0 <= context.array.min() <= context.array.max() < BUCKETS:
        raise invalid("context", f"buckets are 0 to {BUCKETS - 1}")
    return Users(
        user=batch["user"].array,
        past=past.array,
        past_dwell=batch["past_dwell"].array,
        past_splits=past.splits,
        context=context.array,
        context_weight=batch["context_weight"].array,
        context_splits=context.splits,
    )

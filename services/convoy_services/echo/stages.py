"""Three stages that pass their column on."""

from convoy import Batch
from convoy_services.mesh.column import Column, Columns
from convoy_services.mesh.stage import Inference, Postprocess, Preprocess

DATA = Columns(data=Column("BYTES"))


class Receive(Preprocess):
    """Passes ``data`` on: data BYTES [] → data BYTES []."""

    consumes = produces = DATA
    offload = False

    def process(self, batch: Batch) -> Batch:
        """Give the batch as it came."""
        return batch


class Reflect(Inference):
    """Passes ``data`` on: data BYTES [] → data BYTES []."""

    consumes = produces = DATA
    offload = False

    def process(self, batch: Batch) -> Batch:
        """Give the batch as it came."""
        return batch


class Return(Postprocess):
    """Passes ``data`` on: data BYTES [] → data BYTES []."""

    consumes = produces = DATA
    offload = False

    def process(self, batch: Batch) -> Batch:
        """Give the batch as it came."""
        return batch

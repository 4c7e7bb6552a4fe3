"""A click model that fails for some users."""

from convoy import Batch
from convoy_services.recommendation import RankClick

UNLUCKY = 13
"""The user for whom it raises."""


class RaisingClick(RankClick):
    """Raises for one user."""

    def process(self, batch: Batch) -> Batch:
        """Predict for all others."""
        if UNLUCKY in batch["user"].array:
            raise RuntimeError("unlucky")
        return super().process(batch)

"""Recommendation: features → recall → merge → rank → rerank; mesh.template.yaml wires them."""

from convoy_services.recommendation.features import Features
from convoy_services.recommendation.items import Items
from convoy_services.recommendation.merge import Merge
from convoy_services.recommendation.popular import RecallPopular
from convoy_services.recommendation.rank import RankClick, RankDwell
from convoy_services.recommendation.recall import RecallCovisit, RecallText, RecallVector
from convoy_services.recommendation.record import Record
from convoy_services.recommendation.rerank import Rerank
from convoy_services.recommendation.similar import Similar

__all__ = [
    "Features",
    "Items",
    "Merge",
    "RankClick",
    "RankDwell",
    "RecallCovisit",
    "RecallPopular",
    "RecallText",
    "RecallVector",
    "Record",
    "Rerank",
    "Similar",
]

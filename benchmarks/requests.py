"""What the recommender is asked: users with a history, the same ones in every run."""

import numpy as np

from convoy.v1 import recommendation_pb2 as pb

ITEMS = 100_000
USERS = 1_000
COUNT = 256
PAST = 30
"""Items of a history."""
LIMIT = 20


def requests(candidates: int = 0, items: int = ITEMS) -> list[pb.RecommendRequest]:
    """Make requests that recall; or that rank so many candidates, without recall."""
    chance = np.random.default_rng(0)
    return [
        pb.RecommendRequest(
            user_id=int(chance.integers(1, USERS + 1)),
            history=chance.integers(1, items + 1, PAST).tolist(),
            limit=LIMIT,
            candidates=chance.choice(np.arange(1, items + 1), candidates, replace=False).tolist(),
        )
        for _ in range(COUNT)
    ]

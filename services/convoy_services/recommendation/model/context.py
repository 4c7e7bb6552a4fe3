"""What is known of the moment of a request, as numbers.

Each feature is a name with a weight, and the name's hash its bucket: new names need no new model
(feature hashing; Weinberger et al. 2009, https://arxiv.org/abs/0902.2206).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import copysign, log1p
from zlib import crc32

BUCKETS = 1024


def features(
    time: int, device: str, tags: Iterable[str], numbers: Mapping[str, float]
) -> dict[int, float]:
    """Give the weight of each bucket, for a time in seconds since the epoch, UTC.

    A number x weighs sign(x) log(1 + |x|).
    """
    moment = datetime.fromtimestamp(time, UTC)
    names = {f"hour={moment.hour}": 1.0, f"weekday={moment.weekday()}": 1.0}
    if device:
        names[f"device={device}"] = 1.0
    names |= {f"tag={tag}": 1.0 for tag in tags}
    names |= {
        f"number={name}": copysign(log1p(abs(value)), value) for name, value in numbers.items()
    }
    weights: dict[int, float] = {}
    for name, weight in names.items():
        bucket = crc32(name.encode()) % BUCKETS
        weights[bucket] = weights.get(bucket, 0.0) + weight
    return weights

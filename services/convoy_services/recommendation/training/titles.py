"""Items by their titles: embedded and indexed, for recall by text."""

from pathlib import Path

import numpy as np

from convoy import Batch, Datatype, Tensor
from convoy_services.embedding import Encode, Normalize, Tokenize
from convoy_services.recommendation.model.nearest import Nearest
from convoy_services.recommendation.training.fit import Progress
from convoy_services.recommendation.training.log import DataError, Things

AT_ONCE = 256


def embed_titles(folder: Path, things: Things, model: str, progress: Progress) -> None:
    """Write texts.faiss into a version's folder.

    The stages of ``embedding`` run in this process. Row i of the index is the catalogue's row i.
    Raises DataError where there are no titles, OSError where there is no such model.
    """
    if not any(things.title):
        raise DataError("the items have no titles: leave --texts out")
    stages = Tokenize(model=model), Encode(model=model), Normalize(model=model)
    for stage in stages:
        stage.load()
    vectors = []
    for start in range(0, len(things.title), AT_ONCE):
        titles = list(things.title[start : start + AT_ONCE])
        text = Tensor.pack(titles, Datatype.BYTES)
        batch = Batch(rows=len(titles), columns={"text": text})
        for stage in stages:
            batch = stage.process(stage.consumes.complete(batch))
        vectors.append(batch["embedding"].array)
        progress("titles", start + len(titles), len(things.title))
    Nearest.build(np.concatenate(vectors)).save(folder, "texts")

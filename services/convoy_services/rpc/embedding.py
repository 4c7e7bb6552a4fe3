"""EmbeddingService over the pipeline ``embedding``."""

from itertools import islice

import numpy as np
from numpy.typing import NDArray

from convoy import Batch, Datatype, Tensor, Violation
from convoy.errors import invalid
from convoy.v1 import embedding_pb2 as pb
from convoy_services.mesh.mesh import Mesh
from convoy_services.mesh.plan import PipelinePlan
from convoy_services.rpc.call import Call
from convoy_services.rpc.whole import whole

MOST = 16
"""Faulty texts that are named."""

Floats = NDArray[np.float32]


class EmbeddingServicer:
    """Texts in, vectors out."""

    descriptor = pb.DESCRIPTOR.services_by_name["EmbeddingService"]
    pipeline = "embedding"

    def __init__(self, mesh: Mesh) -> None:
        """Answer from ``mesh``."""
        self._mesh = mesh

    async def Embed(self, request: pb.EmbedRequest, call: Call) -> pb.EmbedResponse:
        """Embed texts; raises ConvoyError naming each faulty text."""
        pipeline = self._mesh.pipeline(request.pipeline or self.pipeline)
        inputs = pipeline.plan.inputs.admit(_inputs(request, pipeline.plan))
        result = await pipeline.run(call.request(inputs, pipeline.plan.limits.timeout))
        columns = whole(result, "texts").columns
        vectors = columns["embedding"].array
        if request.HasField("dimensions"):
            vectors = vectors[:, : request.dimensions]
        return pb.EmbedResponse(
            embeddings=ENCODINGS[request.encoding](vectors),
            dimensions=vectors.shape[1],
            encoding=request.encoding or pb.EMBEDDING_ENCODING_FLOAT32,
            tokens=int(columns["tokens"].array.sum()) if "tokens" in columns else None,
        )


def _inputs(request: pb.EmbedRequest, plan: PipelinePlan) -> Batch:
    if not _embeds(plan):
        raise invalid("pipeline", f"the pipeline {plan.name} does not turn text into embedding")
    rows = len(request.texts)
    faults = []
    if not 1 <= rows <= plan.limits.rows:
        faults.append(Violation("texts", f"{rows} texts; take 1 to {plan.limits.rows}"))
    else:
        empty = (i for i, text in enumerate(request.texts) if not text)
        faults += [Violation(f"texts[{i}]", "the text is empty") for i in islice(empty, MOST)]
    width = plan.outputs["embedding"].shape[0]
    if request.HasField("dimensions") and not 1 <= request.dimensions <= width:
        faults.append(Violation("dimensions", f"the model gives 1 to {width}"))
    faults += [
        Violation(name, "the pipeline does not take it")
        for name in ("dimensions", "normalize")
        if request.HasField(name) and name not in plan.inputs
    ]
    if request.encoding not in ENCODINGS:
        faults.append(Violation("encoding", "there is no such encoding"))
    if faults:
        raise invalid(faults[0].field, faults[0].description, *faults[1:])
    columns = {"text": Tensor.texts(request.texts)}
    if request.HasField("dimensions"):
        columns["dimensions"] = Tensor.pack([request.dimensions] * rows, Datatype.INT32)
    if request.HasField("normalize"):
        columns["normalize"] = Tensor.pack([request.normalize] * rows, Datatype.BOOL)
    return Batch(rows=rows, columns=columns)


def _embeds(plan: PipelinePlan) -> bool:
    """Whether a pipeline takes texts alone and gives one vector for each."""
    text, embedding = plan.inputs.get("text"), plan.outputs.get("embedding")
    return (
        text is not None
        and text.datatype is Datatype.BYTES
        and not text.shape
        and embedding is not None
        and embedding.datatype is Datatype.FP32
        and len(embedding.shape) == 1
        and embedding.shape[0] > 0
        and all(c.optional for name, c in plan.inputs.items() if name != "text")
    )


def _float32(vectors: Floats) -> list[pb.Embedding]:
    return [pb.Embedding(values=vector) for vector in vectors.tolist()]


def _int8(vectors: Floats) -> list[pb.Embedding]:
    """Scale each vector so that its greatest value is 127 (symmetric linear quantisation)."""
    scales = np.maximum(np.abs(vectors).max(axis=1), np.finfo(np.float32).tiny) / 127
    packed = np.rint(vectors / scales[:, None]).astype(np.int8)
    return [
        pb.Embedding(data=row.tobytes(), scale=scale)
        for row, scale in zip(packed, scales.tolist(), strict=True)
    ]


def _binary(vectors: Floats) -> list[pb.Embedding]:
    return [pb.Embedding(data=row.tobytes()) for row in np.packbits(vectors > 0, axis=1)]


ENCODINGS = {
    pb.EMBEDDING_ENCODING_UNSPECIFIED: _float32,
    pb.EMBEDDING_ENCODING_FLOAT32: _float32,
    pb.EMBEDDING_ENCODING_INT8: _int8,
    pb.EMBEDDING_ENCODING_BINARY: _binary,
}

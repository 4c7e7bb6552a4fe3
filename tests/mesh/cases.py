"""What may be wrong with a request, and what is then told: the table of test_errors.py."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from grpc_health.v1 import health_pb2

from convoy import Batch, Code, Tensor
from convoy.oip.v2 import inference_pb2 as oip
from convoy.v1 import batch_pb2, embedding_pb2, pipeline_pb2, stage_pb2
from convoy.wire import write_batch
from tests.mesh.wrong_batches import NAN, WRONG_COLUMNS, WRONG_TENSORS, batch

RUN = "/convoy.v1.PipelineService/Run"
RUN_STREAM = "/convoy.v1.PipelineService/RunStream"
DESCRIBE = "/convoy.v1.PipelineService/Describe"
EMBED = "/convoy.v1.EmbeddingService/Embed"
PREPROCESS = "/convoy.v1.PreprocessService/Preprocess"
INFER = "/convoy.v1.InferenceService/Infer"
INFER_STREAM = "/convoy.v1.InferenceService/InferStream"
POSTPROCESS = "/convoy.v1.PostprocessService/Postprocess"
CHECK = "/grpc.health.v1.Health/Check"
MODEL_INFER = "/inference.GRPCInferenceService/ModelInfer"
STREAMING = (RUN_STREAM, INFER_STREAM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A request, and how it fails."""

    name: str
    method: str = RUN
    request: Any = b""
    metadata: tuple[tuple[str, str], ...] = ()
    code: Code = Code.INVALID_ARGUMENT
    reason: str = "INVALID_REQUEST"
    fields: tuple[str, ...] = ()
    says: str = ""

    @property
    def data(self) -> bytes:
        """The serialized request."""
        request = self.request
        return request if isinstance(request, bytes) else bytes(request.SerializeToString())


def vectors(firsts: list[float]) -> stage_pb2.PostprocessRequest:
    pooled = np.zeros((len(firsts), 384), np.float32)
    pooled[:, 0] = firsts
    request = stage_pb2.PostprocessRequest(stage="normalize")
    write_batch(Batch(rows=len(pooled), columns={"pooled": Tensor.of(pooled)}), request.batch)
    return request


TAKERS = {
    RUN: lambda b: pipeline_pb2.RunRequest(pipeline="mean", batch=b),
    RUN_STREAM: lambda b: pipeline_pb2.RunStreamRequest(pipeline="mean", batch=b),
    PREPROCESS: lambda b: stage_pb2.PreprocessRequest(stage="mean", batch=b),
}
"""What takes such batches."""

BATCHES = [
    Case(
        name=f"{method.rpartition('/')[2]}: {name}",
        method=method,
        request=asked(message),
        reason=reason,
        fields=tuple(paths.split()),
        says=says,
    )
    for method, asked in TAKERS.items()
    for reason, table in (("INVALID_REQUEST", WRONG_COLUMNS), ("INVALID_TENSOR", WRONG_TENSORS))
    for name, (message, paths, says) in table.items()
]

EIGHT_AND_ONE = batch([[[0, 0]]] * 9, ["x"] * 9)
TWO_KIB = batch([[[0, 0]]], ["x" * 2048])
ALL_ROWS = batch_pb2.Batch(rows=2**32 - 1)

LIMITS = [
    Case(
        name=f"{method.rpartition('/')[2]}: {name}",
        method=method,
        request=TAKERS[method](message),
        fields=tuple(paths.split()),
        says=says,
    )
    for method in (RUN, RUN_STREAM)
    for name, message, paths, says in (
        ("too many rows", EIGHT_AND_ONE, "batch.rows", "9 rows; the limit is 8"),
        ("too many bytes", TWO_KIB, "batch", "bytes; the limit is 1024"),
        ("rows beyond all limits", ALL_ROWS, "batch.rows batch.tensors", "take 1 to 65535"),
    )
] + [
    Case(
        name="Preprocess: more rows than a batch has",
        method=PREPROCESS,
        request=TAKERS[PREPROCESS](batch([[[0, 0]]] * 257, ["x"] * 257)),
        fields=("batch.rows",),
        says="257 rows; the limit is 256",
    ),
    Case(
        name="Preprocess: more bytes than a batch has",
        method=PREPROCESS,
        request=TAKERS[PREPROCESS](batch([[[0, 0]]], ["x" * (5 << 20)])),
        fields=("batch",),
        says="bytes; the limit is",
    ),
    Case(
        name="Embed: too many texts",
        method=EMBED,
        request=embedding_pb2.EmbedRequest(texts=["x"] * 5000),
        fields=("texts",),
        says="5000 texts; take 1 to 4096",
    ),
]

UNKNOWN = [
    Case(
        name=f"{method.rpartition('/')[2]}: an unknown {what}",
        method=method,
        request=request,
        code=Code.NOT_FOUND,
        reason=f"{what.upper()}_NOT_FOUND",
        says=says,
    )
    for method, what, request, says in (
        (RUN, "pipeline", pipeline_pb2.RunRequest(pipeline="ecko"), "echo, embedding"),
        (RUN, "pipeline", pipeline_pb2.RunRequest(), "echo, embedding"),
        (RUN_STREAM, "pipeline", pipeline_pb2.RunStreamRequest(pipeline="\n"), "echo, embedding"),
        (DESCRIBE, "pipeline", pipeline_pb2.DescribeRequest(pipeline="é" * 999), "echo, embedding"),
        (PREPROCESS, "stage", stage_pb2.PreprocessRequest(stage="encode"), "tokenize"),
        (INFER, "stage", stage_pb2.InferRequest(stage="tokenize"), "encode"),
        (INFER_STREAM, "stage", stage_pb2.InferStreamRequest(), "encode"),
        (POSTPROCESS, "stage", stage_pb2.PostprocessRequest(stage="x"), "normalize"),
        (CHECK, "service", health_pb2.HealthCheckRequest(service="pipeline/x"), "pipeline/echo"),
        (MODEL_INFER, "pipeline", oip.ModelInferRequest(model_name="ecko"), "echo, embedding"),
    )
]

FIELDS = [
    Case(
        name="Run: an unknown output",
        request=pipeline_pb2.RunRequest(pipeline="mean", batch=batch(), outputs=["mean", "median"]),
        fields=("outputs[1]",),
        says="there is no output 'median'; there are: mean",
    ),
    Case(name="Embed: no texts", method=EMBED, fields=("texts",), says="0 texts; take 1 to"),
    Case(
        name="Embed: empty texts",
        method=EMBED,
        request=embedding_pb2.EmbedRequest(texts=["", "fine", ""]),
        fields=("texts[0]", "texts[2]"),
    ),
    Case(
        name="Embed: every field is wrong",
        method=EMBED,
        request=embedding_pb2.EmbedRequest(texts=["", "x"], dimensions=385, encoding=9),
        fields=("texts[0]", "dimensions", "encoding"),
    ),
    Case(
        name="Preprocess: contexts of other rows",
        method=PREPROCESS,
        request=stage_pb2.PreprocessRequest(
            stage="mean", batch=batch(), rows=batch_pb2.RowContext(remaining_us=b"\0" * 24)
        ),
        fields=("rows.remaining_us",),
        says="due are 16, or none",
    ),
    Case(
        name="Postprocess: NaN where it is refused",
        method=POSTPROCESS,
        request=vectors([0, NAN]),
        fields=("batch.tensors[pooled]",),
        says="NaN or infinity in row 1;",
    ),
    Case(
        name="Run: a priority that there is not",
        request=TAKERS[RUN](batch()),
        metadata=(("convoy-priority", "9"),),
        fields=("convoy-priority",),
    ),
    Case(
        name="Run: a tenant without end",
        request=TAKERS[RUN](batch()),
        metadata=(("convoy-tenant", "x" * 500),),
        fields=("convoy-tenant",),
        says="at most 128",
    ),
    Case(
        name="ModelInfer: an input that there is not",
        method=MODEL_INFER,
        request=oip.ModelInferRequest(
            model_name="mean",
            inputs=[oip.ModelInferRequest.InferInputTensor(name="x", datatype="FP32", shape=[1])],
        ),
        reason="INVALID_TENSOR",
        fields=("inputs[0].name", "inputs"),
    ),
    Case(
        name="ModelInfer: NaN where it is refused",
        method=MODEL_INFER,
        request=oip.ModelInferRequest(
            model_name="mean",
            inputs=[
                oip.ModelInferRequest.InferInputTensor(
                    name="points",
                    datatype="FP32",
                    shape=[2, 1, 2],
                    contents=oip.InferTensorContents(fp32_contents=[1, 2, NAN, 4]),
                )
            ],
        ),
        reason="INVALID_TENSOR",
        fields=("inputs[0].contents",),
        says="NaN or infinity in row 1;",
    ),
]

METHODS = (RUN, RUN_STREAM, DESCRIBE, EMBED, PREPROCESS, INFER, INFER_STREAM, POSTPROCESS, CHECK)
BAD_UTF8 = b"\x0a\x02\xff\xfe"
"""Field 1 as a string: the first of each of these messages."""

MALFORMED = [
    Case(
        name=f"{method.rpartition('/')[2]}: {name}",
        method=method,
        request=data,
        reason="MALFORMED_MESSAGE",
        says="the bytes are no such message",
    )
    for method in (*METHODS, MODEL_INFER)
    for name, data in (
        ("no message", b"\xff" * 9),
        ("half a message", b"\x0a\x40abc"),
        ("invalid UTF-8", BAD_UTF8),
    )
] + [
    Case(
        name=f"no method {method}",
        method=method,
        code=Code.UNIMPLEMENTED,
        reason="NO_SUCH_METHOD",
        says=f"there is no method {method[:100]}",
    )
    for method in ("/convoy.v1.PipelineService/Nope", "/convoy.v1.Nope/Run", "/", "/" + "x" * 5000)
]

CASES = [*BATCHES, *LIMITS, *UNKNOWN, *FIELDS, *MALFORMED]

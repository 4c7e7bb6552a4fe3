"""/v1/models over PipelineService."""

import asyncio
from collections.abc import Iterable

from convoy import Code, ConvoyError
from convoy.v1 import batch_pb2
from convoy.v1 import pipeline_pb2 as pb
from convoy_gateway.openai.messages import Model, Models
from convoy_gateway.openai.terms import no_such_model
from convoy_gateway.upstream import Call, Upstream

SERVICE = "/convoy.v1.PipelineService"


async def models(upstream: Upstream, call: Call) -> Models:
    """Give the pipelines that embed or write; raises ConvoyError."""
    raw = await upstream.unary(f"{SERVICE}/List", b"", call)
    names = pb.ListResponse.FromString(raw).pipelines
    described = await asyncio.gather(*(_describe(name, upstream, call) for name in names))
    return Models(data=[_model(one) for one in described if _is_model(one)])


async def model(name: str, upstream: Upstream, call: Call) -> Model:
    """Give one pipeline that embeds or writes; raises ConvoyError NOT_FOUND where there is none."""
    try:
        described = await _describe(name, upstream, call)
    except ConvoyError as error:
        raise (no_such_model(name) if error.code is Code.NOT_FOUND else error) from error
    if not _is_model(described):
        raise no_such_model(name)
    return _model(described)


async def _describe(name: str, upstream: Upstream, call: Call) -> pb.DescribeResponse:
    request = pb.DescribeRequest(pipeline=name).SerializeToString()
    raw = await upstream.unary(f"{SERVICE}/Describe", request, call)
    return pb.DescribeResponse.FromString(raw)


def _is_model(pipeline: pb.DescribeResponse) -> bool:
    return _embeds(pipeline) or _writes(pipeline)


def _embeds(pipeline: pb.DescribeResponse) -> bool:
    """Whether it makes one vector of a text."""
    vectors = any(
        column.name == "embedding"
        and column.datatype == batch_pb2.DATATYPE_FP32
        and len(column.shape) == 1
        for column in pipeline.outputs
    )
    return "text" in _bytes(pipeline.inputs) and vectors


def _writes(pipeline: pb.DescribeResponse) -> bool:
    """Whether it goes on with a prompt, or tells about an image."""
    begins = {"prompt", "image"} & _bytes(pipeline.inputs)
    return bool(begins) and "text" in _bytes(pipeline.outputs)


def _bytes(columns: Iterable[pb.ColumnSpec]) -> set[str]:
    """Give the names of columns that have one text, or other bytes, a row."""
    return {c.name for c in columns if c.datatype == batch_pb2.DATATYPE_BYTES and not c.shape}


def _model(pipeline: pb.DescribeResponse) -> Model:
    return Model(id=pipeline.pipeline, created=0)

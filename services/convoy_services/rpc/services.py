"""The services of the mesh: their descriptors, and the servicers that answer them."""

from convoy_services.mesh.mesh import Mesh
from convoy_services.rpc.dispatch import Servicer
from convoy_services.rpc.embedding import EmbeddingServicer
from convoy_services.rpc.pipeline import PipelineServicer
from convoy_services.rpc.stage import (
    InferenceServicer,
    PostprocessServicer,
    PreprocessServicer,
)

SERVICERS = (
    EmbeddingServicer,
    PipelineServicer,
    PreprocessServicer,
    InferenceServicer,
    PostprocessServicer,
)
DESCRIPTORS = tuple(servicer.descriptor for servicer in SERVICERS)

_STREAMING = {
    f"/{service.full_name}/{method.name}"
    for service in DESCRIPTORS
    for method in service.methods
    if method.server_streaming
}


def servicers(mesh: Mesh) -> list[Servicer]:
    """Make a servicer for each service, all over the same mesh."""
    return [servicer(mesh) for servicer in SERVICERS]


def is_streaming(method: str) -> bool:
    """Whether a method, by its full name, answers with many messages."""
    return method in _STREAMING

"""The services of the mesh: their descriptors, and the servicers that answer them."""

from convoy.v1 import relay_pb2
from convoy_services.mesh.mesh import Mesh
from convoy_services.rpc.captioning import CaptioningServicer
from convoy_services.rpc.dispatch import Servicer
from convoy_services.rpc.embedding import EmbeddingServicer
from convoy_services.rpc.generation import GenerationServicer
from convoy_services.rpc.health import HealthServicer
from convoy_services.rpc.oip.servicer import InferenceServicer as OipServicer
from convoy_services.rpc.pipeline import PipelineServicer
from convoy_services.rpc.recommendation import RecommendationServicer
from convoy_services.rpc.stage import (
    InferenceServicer,
    PostprocessServicer,
    PreprocessServicer,
)

_SERVICERS = (
    EmbeddingServicer,
    RecommendationServicer,
    GenerationServicer,
    CaptioningServicer,
    PipelineServicer,
    PreprocessServicer,
    InferenceServicer,
    PostprocessServicer,
    OipServicer,
)
RELAY = relay_pb2.DESCRIPTOR.services_by_name["RelayService"].full_name
DESCRIPTORS = (*(servicer.descriptor for servicer in _SERVICERS), HealthServicer.descriptor)
NAMES = (*(service.full_name for service in DESCRIPTORS), RELAY)

_PIPELINES = {
    servicer.descriptor.full_name: servicer.pipeline
    for servicer in (
        EmbeddingServicer,
        RecommendationServicer,
        GenerationServicer,
        CaptioningServicer,
    )
}
"""The pipeline that a service cannot do without."""

_STREAMING = {
    f"/{service.full_name}/{method.name}"
    for service in DESCRIPTORS
    for method in service.methods
    if method.server_streaming
}


def servicers(mesh: Mesh) -> list[Servicer]:
    """Make a servicer for each service, all over the same mesh."""
    health = HealthServicer(mesh, dict.fromkeys(NAMES) | _PIPELINES)
    return [*(servicer(mesh) for servicer in _SERVICERS), health]


def is_streaming(method: str) -> bool:
    """Whether a method, by its full name, answers with many messages."""
    return method in _STREAMING

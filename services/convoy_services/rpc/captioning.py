"""CaptioningService over pipelines such as ``captioning``."""

from collections.abc import AsyncIterator

from convoy import Tensor
from convoy.errors import invalid
from convoy.v1 import captioning_pb2 as pb
from convoy_services.mesh.mesh import Mesh
from convoy_services.rpc.call import Call
from convoy_services.rpc.completions import Completions, generates


class CaptioningServicer:
    """Images and questions in, texts out."""

    descriptor = pb.DESCRIPTOR.services_by_name["CaptioningService"]
    pipeline = "captioning"

    def __init__(self, mesh: Mesh) -> None:
        """Answer from ``mesh``."""
        self._mesh = mesh

    async def Caption(self, request: pb.CaptionRequest, call: Call) -> pb.CaptionResponse:
        """Tell what is on an image."""
        return await self._texts(request, call).whole(pb.CaptionResponse)

    def CaptionStream(
        self, request: pb.CaptionStreamRequest, call: Call
    ) -> AsyncIterator[pb.CaptionStreamResponse]:
        """Tell what is on an image, piece by piece."""
        return self._texts(request, call).stream(pb.CaptionStreamResponse)

    def _texts(
        self, request: pb.CaptionRequest | pb.CaptionStreamRequest, call: Call
    ) -> Completions:
        pipeline = self._mesh.pipeline(request.pipeline or self.pipeline)
        generates(pipeline.plan, "image")
        if not request.image:
            raise invalid("image", "there is no image")
        prompt = {"image": Tensor.texts([request.image])}
        if request.question:
            prompt["question"] = Tensor.texts([request.question])
        return Completions(pipeline, prompt, request.sampling, call, {"batch": "image"})

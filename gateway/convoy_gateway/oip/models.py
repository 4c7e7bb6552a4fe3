"""What concerns one model, by the path's ``model`` and, where it is there, ``version``."""

from fastapi import Request, Response

from convoy import ConvoyError
from convoy.oip.v2 import inference_pb2 as pb
from convoy_gateway.edge.timing import timed
from convoy_gateway.oip import inference
from convoy_gateway.oip.binary import HEADER, split
from convoy_gateway.oip.inference import Form
from convoy_gateway.oip.message import plain
from convoy_gateway.oip.requests import InferRequest
from convoy_gateway.oip.service import Service, answer


class Models:
    """Answers for a model."""

    def __init__(self, service: Service) -> None:
        """Answer from ``service``."""
        self._service = service

    async def metadata(self, request: Request) -> Response:
        """Tell a model's tensors."""
        call = self._service.call(request)
        name, version = _named(request)
        asked = pb.ModelMetadataRequest(name=name, version=version)
        told = await self._service.ask(call, "ModelMetadata", asked, pb.ModelMetadataResponse)
        return answer(plain(told), call)

    async def ready(self, request: Request) -> Response:
        """Tell whether a model can answer."""
        call = self._service.call(request)
        name, version = _named(request)
        asked = pb.ModelReadyRequest(name=name, version=version)
        told = await self._service.ask(call, "ModelReady", asked, pb.ModelReadyResponse)
        return answer({"name": name, **plain(told)}, call, 200 if told.ready else 503)

    async def config(self, request: Request) -> Response:
        """Tell a model's configuration."""
        call = self._service.call(request)
        name, version = _named(request)
        asked = pb.ModelConfigRequest(name=name, version=version)
        told = await self._service.ask(call, "ModelConfig", asked, pb.ModelConfigResponse)
        return answer(plain(told.config), call)

    async def statistics(self, request: Request) -> Response:
        """Tell what a model has done, or, where the path names none, what each has."""
        call = self._service.call(request)
        name, version = _named(request)
        asked = pb.ModelStatisticsRequest(name=name, version=version)
        told = await self._service.ask(call, "ModelStatistics", asked, pb.ModelStatisticsResponse)
        for model in told.model_stats:
            for duration in pb.InferStatistics.DESCRIPTOR.fields:  # Triton leaves none out
                getattr(model.inference_stats, duration.name).SetInParent()
        return answer(plain(told), call)

    async def infer(self, request: Request) -> Response:
        """Run rows through a model."""
        call = self._service.call(request)
        body = await self._service.edge.body(request)
        json, tail = split(body, request.headers.get(HEADER))
        asked = self._service.edge.parse(json, InferRequest)
        form = Form.of(asked)
        rows = inference.decode(asked, tail, *_named(request))
        try:
            told = await self._service.ask(call, "ModelInfer", rows, pb.ModelInferResponse)
        except ConvoyError as error:
            raise inference.renamed(error) from error
        json, raws = inference.encode(told, form)
        if not raws:
            return Response(json, headers=timed(call), media_type="application/json")
        headers = {HEADER: str(len(json)), **timed(call)}
        return Response(b"".join([json, *raws]), 200, headers, "application/octet-stream")


def _named(request: Request) -> tuple[str, str]:
    return request.path_params.get("model", ""), request.path_params.get("version", "")

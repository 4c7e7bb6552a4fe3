"""GRPCInferenceService over every pipeline; its stream is in ``stream``."""

from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any, NoReturn

from convoy import Code, ConvoyError
from convoy.oip.v2 import inference_pb2 as pb
from convoy_services.mesh.mesh import Mesh
from convoy_services.rpc.call import Call
from convoy_services.rpc.oip import inputs, model, outputs
from convoy_services.rpc.oip.parameters import scheduled
from convoy_services.rpc.oip.repository import Repository
from convoy_services.rpc.oip.statistics import statistics
from convoy_services.rpc.whole import whole

EXTENSIONS = (
    "model_configuration",
    "model_repository",
    "parameters",
    "schedule_policy",
    "statistics",
)


def _unimplemented(what: str) -> Callable[[Any, Any, Call], Awaitable[NoReturn]]:
    async def refuse(servicer: object, request: object, call: Call) -> NoReturn:
        """Raise ConvoyError UNIMPLEMENTED."""
        raise ConvoyError(Code.UNIMPLEMENTED, what, "EXTENSION_UNSUPPORTED")

    return refuse


_no_shared_memory = _unimplemented(
    "Convoy has no shared memory with its clients: a mesh runs on many machines. Send tensors in "
    "the message"
)
_no_trace_settings = _unimplemented("Convoy's tracing is not set by its clients")
_no_log_settings = _unimplemented("Convoy's logging is not set by its clients")


class InferenceServicer:
    """The Open Inference Protocol's unary methods."""

    descriptor = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"]

    def __init__(self, mesh: Mesh) -> None:
        """Answer from ``mesh``."""
        self._mesh = mesh
        self._repository = Repository(mesh)

    async def ServerLive(self, request: pb.ServerLiveRequest, call: Call) -> pb.ServerLiveResponse:
        """Tell that there is an answer."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(
        self, request: pb.ServerReadyRequest, call: Call
    ) -> pb.ServerReadyResponse:
        """Tell whether the mesh is ready."""
        return pb.ServerReadyResponse(ready=self._mesh.ready)

    async def ServerMetadata(
        self, request: pb.ServerMetadataRequest, call: Call
    ) -> pb.ServerMetadataResponse:
        """Tell what this is."""
        return pb.ServerMetadataResponse(
            name="convoy", version=version("convoy-mesh"), extensions=EXTENSIONS
        )

    async def ModelReady(self, request: pb.ModelReadyRequest, call: Call) -> pb.ModelReadyResponse:
        """Tell whether a pipeline is ready; raises ConvoyError NOT_FOUND."""
        pipeline = model.find(self._mesh, request.name, request.version)
        return pb.ModelReadyResponse(ready=pipeline.ready)

    async def ModelMetadata(
        self, request: pb.ModelMetadataRequest, call: Call
    ) -> pb.ModelMetadataResponse:
        """Tell a pipeline's tensors; raises ConvoyError NOT_FOUND or UNAVAILABLE."""
        return model.metadata(model.find_open(self._mesh, request.name, request.version))

    async def ModelConfig(
        self, request: pb.ModelConfigRequest, call: Call
    ) -> pb.ModelConfigResponse:
        """Tell a pipeline's configuration; raises ConvoyError NOT_FOUND or UNAVAILABLE."""
        plan = model.find_open(self._mesh, request.name, request.version).plan
        return pb.ModelConfigResponse(config=model.configuration(plan))

    async def ModelInfer(self, request: pb.ModelInferRequest, call: Call) -> pb.ModelInferResponse:
        """Run rows through a pipeline; raises ConvoyError naming each faulty field or row."""
        pipeline = model.find(self._mesh, request.model_name, request.model_version)
        inputs.refuse_shared_memory(request)
        names = outputs.wanted(request, pipeline.plan.outputs)
        batch = inputs.read(request, pipeline.plan)
        waiting = scheduled(call, request.parameters).request(batch, pipeline.plan.limits.timeout)
        result = whole(await pipeline.run(waiting), "rows")
        response = pb.ModelInferResponse(
            model_name=request.model_name,
            model_version=waiting.journeys[-1].version or model.VERSION,
            id=request.id,
        )
        as_typed = not request.raw_input_contents
        outputs.write(result, names, response, as_typed=as_typed)
        return response

    async def ModelStatistics(
        self, request: pb.ModelStatisticsRequest, call: Call
    ) -> pb.ModelStatisticsResponse:
        """Tell what one pipeline, or each, has done; raises ConvoyError NOT_FOUND."""
        names = [request.name] if request.name else sorted(self._mesh.plan.pipelines)
        pipelines = [model.find(self._mesh, name, request.version) for name in names]
        return pb.ModelStatisticsResponse(model_stats=map(statistics, pipelines))

    async def RepositoryIndex(
        self, request: pb.RepositoryIndexRequest, call: Call
    ) -> pb.RepositoryIndexResponse:
        """Name the pipelines, and which of them are ready."""
        return self._repository.index(request)

    async def RepositoryModelLoad(
        self, request: pb.RepositoryModelLoadRequest, call: Call
    ) -> pb.RepositoryModelLoadResponse:
        """Open a pipeline's admission, with a version of its models where these have such."""
        await self._repository.load(request)
        return pb.RepositoryModelLoadResponse()

    async def RepositoryModelUnload(
        self, request: pb.RepositoryModelUnloadRequest, call: Call
    ) -> pb.RepositoryModelUnloadResponse:
        """Close a pipeline's admission."""
        self._repository.unload(request)
        return pb.RepositoryModelUnloadResponse()

    SystemSharedMemoryStatus = _no_shared_memory
    SystemSharedMemoryRegister = _no_shared_memory
    SystemSharedMemoryUnregister = _no_shared_memory
    CudaSharedMemoryStatus = _no_shared_memory
    CudaSharedMemoryRegister = _no_shared_memory
    CudaSharedMemoryUnregister = _no_shared_memory
    TraceSetting = _no_trace_settings
    LogSettings = _no_log_settings

"""The model repository: the mesh's configuration. Loading opens a pipeline, unloading closes it.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_model_repository.md
"""

from convoy import Code, ConvoyError
from convoy.oip.v2 import inference_pb2 as pb
from convoy_services.mesh.mesh import Mesh
from convoy_services.mesh.pipeline import Pipeline
from convoy_services.rpc.oip.model import VERSION

READY, UNAVAILABLE = "READY", "UNAVAILABLE"


class Repository:
    """Opens and closes the pipelines of one ingress."""

    def __init__(self, mesh: Mesh) -> None:
        """Keep the pipelines of ``mesh``."""
        self._mesh = mesh

    def index(self, request: pb.RepositoryIndexRequest) -> pb.RepositoryIndexResponse:
        """Name the pipelines; raises ConvoyError UNIMPLEMENTED."""
        _refuse_name(request.repository_name)
        models = [self._entry(name) for name in sorted(self._mesh.plan.pipelines)]
        return pb.RepositoryIndexResponse(
            models=[model for model in models if model.state == READY or not request.ready]
        )

    def load(self, request: pb.RepositoryModelLoadRequest) -> None:
        """Open a pipeline; raises ConvoyError NOT_FOUND or UNIMPLEMENTED."""
        pipeline = self._find(request.repository_name, request.model_name)
        if request.parameters:
            raise ConvoyError(
                Code.UNIMPLEMENTED,
                f"loading takes no {', '.join(sorted(request.parameters))}: a pipeline is "
                "configured in mesh.yaml",
                "LOAD_PARAMETERS_UNSUPPORTED",
            )
        pipeline.open = True

    def unload(self, request: pb.RepositoryModelUnloadRequest) -> None:
        """Close a pipeline: what it admitted is finished.

        Raises ConvoyError NOT_FOUND or UNIMPLEMENTED.
        """
        self._find(request.repository_name, request.model_name).open = False

    def _find(self, repository: str, model: str) -> Pipeline:
        _refuse_name(repository)
        return self._mesh.pipeline(model)

    def _entry(self, name: str) -> pb.RepositoryIndexResponse.ModelIndex:
        pipeline = self._mesh.pipeline(name)
        reason = "" if pipeline.ready else "a stage has no replica"
        if not pipeline.open:
            reason = "it was unloaded: it admits no requests"
        return pb.RepositoryIndexResponse.ModelIndex(
            name=name,
            version=VERSION,
            state=UNAVAILABLE if reason else READY,
            reason=reason,
        )


def _refuse_name(repository: str) -> None:
    """Raise ConvoyError UNIMPLEMENTED where a repository is named, as Triton does."""
    if repository:
        raise ConvoyError(
            Code.UNIMPLEMENTED,
            f"there is one repository, and it has no name: leave out {repository!r}",
            "REPOSITORY_NAME_UNSUPPORTED",
        )

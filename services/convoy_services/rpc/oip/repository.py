"""The model repository: the mesh's configuration. Loading opens a pipeline, unloading closes it.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_model_repository.md
"""

from convoy import Code, ConvoyError
from convoy.errors import invalid
from convoy.oip.v2 import inference_pb2 as pb
from convoy_services.mesh.mesh import Mesh
from convoy_services.mesh.pipeline import Pipeline
from convoy_services.rpc.oip.model import live, versions

READY, UNAVAILABLE = "READY", "UNAVAILABLE"

VERSION_PARAMETER = "version"
"""Of a load: the version's name, as text or as a number."""


class Repository:
    """Opens and closes the pipelines of one ingress."""

    def __init__(self, mesh: Mesh) -> None:
        """Keep the pipelines of ``mesh``."""
        self._mesh = mesh

    def index(self, request: pb.RepositoryIndexRequest) -> pb.RepositoryIndexResponse:
        """Name the pipelines; raises ConvoyError UNIMPLEMENTED."""
        _refuse_name(request.repository_name)
        models = [
            self._entry(name, version)
            for name in sorted(self._mesh.plan.pipelines)
            for version in versions(self._mesh.pipeline(name))
        ]
        return pb.RepositoryIndexResponse(
            models=[model for model in models if model.state == READY or not request.ready]
        )

    async def load(self, request: pb.RepositoryModelLoadRequest) -> None:
        """Bring in a version of a pipeline's models, where they have such, and open the pipeline.

        The parameter ``version`` names it; without it, it is the newest. Raises ConvoyError
        NOT_FOUND, UNIMPLEMENTED, FAILED_PRECONDITION, or what loading raises.
        """
        pipeline = self._find(request.repository_name, request.model_name)
        if others := request.parameters.keys() - {VERSION_PARAMETER}:
            raise ConvoyError(
                Code.UNIMPLEMENTED,
                f"loading takes no {', '.join(sorted(others))[:128]}: a pipeline is configured in "
                "mesh.yaml",
                "LOAD_PARAMETERS_UNSUPPORTED",
            )
        version = _text(request.parameters.get(VERSION_PARAMETER))
        if version or pipeline.plan.repository:
            await self._mesh.bring(request.model_name, version)
        pipeline.open = True

    def unload(self, request: pb.RepositoryModelUnloadRequest) -> None:
        """Close a pipeline: what it admitted is finished.

        Raises ConvoyError NOT_FOUND or UNIMPLEMENTED.
        """
        self._find(request.repository_name, request.model_name).open = False

    def _find(self, repository: str, model: str) -> Pipeline:
        _refuse_name(repository)
        return self._mesh.pipeline(model)

    def _entry(self, name: str, version: str) -> pb.RepositoryIndexResponse.ModelIndex:
        pipeline = self._mesh.pipeline(name)
        reason = "" if pipeline.ready else "a stage has no replica"
        if version != live(pipeline):
            reason = "another version is live"
        if not pipeline.open:
            reason = "it was unloaded: it admits no requests"
        return pb.RepositoryIndexResponse.ModelIndex(
            name=name,
            version=version,
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


def _text(parameter: pb.ModelRepositoryParameter | None) -> str:
    """Read the name of a version; raises ConvoyError INVALID_ARGUMENT where it is none."""
    if parameter is None:
        return ""
    match parameter.WhichOneof("parameter_choice"):
        case "string_param":
            return parameter.string_param
        case "int64_param":
            return str(parameter.int64_param)
        case _:
            raise invalid(f"parameters[{VERSION_PARAMETER}]", "a version is a text or a number")

"""``convoy load``: another version of a pipeline's models, without a dropped request."""

from typing import Annotated

import typer

from convoy_services.cli.call import found, reason
from convoy_services.cli.console import fail, out
from convoy_services.cli.mesh_name import DEFAULT, MeshName


def load(
    pipeline: Annotated[str, typer.Argument(help="The pipeline's name.")],
    version: Annotated[str, typer.Argument(help="Which version; none: the newest.")] = "",
    *,
    target: Annotated[str | None, typer.Option(metavar="HOST:PORT")] = None,
    name: MeshName = DEFAULT,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds for it.")] = 120.0,
) -> None:
    """Bring in a version of a pipeline's models; an older one, to roll back."""
    import grpc

    from convoy.oip.v2 import inference_pb2 as pb
    from convoy.oip.v2 import inference_pb2_grpc

    request = pb.RepositoryModelLoadRequest(model_name=pipeline)
    if version:
        request.parameters["version"].string_param = version
    where = target or found(name)
    with grpc.insecure_channel(where) as channel:
        stub = inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        try:
            stub.RepositoryModelLoad(request, timeout=timeout)
            index = stub.RepositoryIndex(pb.RepositoryIndexRequest(ready=True), timeout=timeout)
        except grpc.RpcError as exc:
            fail(reason(exc, where))
    live = next((model.version for model in index.models if model.name == pipeline), "?")
    out.print(f"{pipeline} runs with version {live}")

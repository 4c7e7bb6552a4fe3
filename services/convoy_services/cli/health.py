"""``convoy health``: what grpc.health.v1 says, as an exit status."""

from typing import Annotated

import typer

from convoy_services.cli.call import found, reason
from convoy_services.cli.console import fail, out
from convoy_services.cli.mesh_name import DEFAULT, MeshName


def health(
    service: Annotated[
        str, typer.Argument(help="pipeline/NAME, stage/NAME, a gRPC service; none: the mesh.")
    ] = "",
    *,
    target: Annotated[str | None, typer.Option(metavar="HOST:PORT")] = None,
    name: MeshName = DEFAULT,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds for the answer.")] = 3.0,
) -> None:
    """Ask whether a mesh, a pipeline or a stage serves; the exit status is 0 only when it does."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    request = health_pb2.HealthCheckRequest(service=service)
    where = target or found(name)
    with grpc.insecure_channel(where) as channel:
        try:
            reply = health_pb2_grpc.HealthStub(channel).Check(request, timeout=timeout)
        except grpc.RpcError as exc:
            fail(reason(exc, where))
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)
    out.print(status)
    if reply.status != health_pb2.HealthCheckResponse.SERVING:
        raise typer.Exit(1)

"""``convoy up``: start the mesh, here or on a cluster."""

import signal
from contextlib import ExitStack, suppress
from typing import Annotated

import typer
from rich.text import Text

from convoy_services.cli import source
from convoy_services.cli.console import err, fail, out
from convoy_services.cli.mesh_name import DEFAULT, MeshName
from convoy_services.local.errors import MeshError
from convoy_services.local.events import Event, Kind
from convoy_services.local.mesh import LocalMesh


def up(
    config: source.Config = None,
    *,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when it is ready; `convoy down` ends it.")
    ] = False,
    name: MeshName = DEFAULT,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where callers find it.")] = 9000,
    host: Annotated[
        str, typer.Option(help="The interface of all three ports; 0.0.0.0 for all.")
    ] = "127.0.0.1",
    metrics_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where Prometheus finds them; 0: a free one.")
    ] = 0,
    http_port: Annotated[
        int, typer.Option(min=0, max=65535, help="The gateway's port; 0: a free one.")
    ] = 8080,
    no_gateway: Annotated[
        bool, typer.Option("--no-gateway", help="Without the HTTP gateway beside the mesh.")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Serve's default proxy instead of HAProxy.")
    ] = False,
    address: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="A Ray cluster's dashboard: start the mesh there."),
    ] = None,
) -> None:
    """Start the mesh on this machine and stay until Ctrl-C; or start it on a cluster."""
    file = source.load(config)
    plan = source.checked(file)
    if address is None:
        problems = [*source.without_versions(file, plan), *source.without_models(file, plan)]
        if problems:
            fail("\n".join(problems))
    try:
        if address is not None:
            from convoy_services.cli.cluster import deploy

            with err.status("starting"):
                for deployment, seconds in deploy(address, file.text, port=port, plain=plain):
                    _line(deployment, seconds)
            out.print(f"ready: gRPC on port {port} of the cluster's nodes", style="bold green")
            return
        mesh = LocalMesh.start(
            file.text,
            name=name,
            home=file.home,
            port=port,
            metrics_port=metrics_port,
            gateway_port=None if no_gateway else http_port,
            host=host,
            plain=plain,
            detach=detach,
        )
        _run(mesh, detach=detach)
    except MeshError as exc:
        fail(str(exc))


def _run(mesh: LocalMesh, *, detach: bool) -> None:
    for ending in (signal.SIGTERM, signal.SIGINT):  # shells have the latter ignored behind a "&"
        signal.signal(ending, signal.default_int_handler)
    with ExitStack() as stack:
        stack.callback(mesh.stop)
        with err.status("starting"):
            _wait(mesh)
        http = f", HTTP on {mesh.url}" if mesh.url else ""
        out.print(f"ready: gRPC on {mesh.target}{http}", style="bold green")
        if detach:
            stack.pop_all()
            return
        with suppress(KeyboardInterrupt):
            mesh.stay()
        err.print("ending")
    err.print("ended")


def _wait(mesh: LocalMesh) -> None:
    try:
        mesh.wait(show)
    except MeshError as exc:
        log = mesh.settings.log
        if log.exists() and str(log) not in str(exc):
            raise MeshError(f"{exc}; see {log}") from exc
        raise


def show(event: Event) -> None:
    """Write a line for each thing that is ready."""
    match event.kind:
        case Kind.STAGE:
            times = f"import {event.import_s:.1f} s, load {event.load_s:.1f} s"
            for stage in event.stages:
                where = "" if stage == event.deployment else f", in {event.deployment}"
                _line(f"stage {stage}", event.seconds, times + where)
        case Kind.RAY | Kind.SERVE | Kind.GATEWAY:
            _line(event.kind.value.capitalize(), event.seconds)
        case Kind.READY:
            _line("all", event.seconds)


def _line(what: str, seconds: float, more: str = "") -> None:
    out.print(Text.assemble(("✓", "green"), f" {what:<26}{seconds:6.1f} s  ", (more, "dim")))

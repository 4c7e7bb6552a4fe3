"""``convoy update``: roll a changed mesh.yaml, or changed code, out as calls go on."""

from convoy_services.cli import source
from convoy_services.cli.console import err, fail, out
from convoy_services.cli.mesh_name import MeshName
from convoy_services.cli.up import show
from convoy_services.local.errors import MeshError
from convoy_services.local.mesh import LocalMesh


def update(config: source.Config = None, *, name: MeshName = "default") -> None:
    """Replace every replica of a mesh on this machine, one by one."""
    file = source.load(config)
    source.checked(file)
    try:
        mesh = LocalMesh.find(name)
        if mesh is None or not mesh.alive:
            fail(f"no mesh {name} is running")
        with err.status("updating"):
            mesh.update(file.text, show)
    except MeshError as exc:
        fail(str(exc))
    out.print(f"updated: gRPC on {mesh.target}", style="bold green")

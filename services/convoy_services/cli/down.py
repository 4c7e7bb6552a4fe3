"""``convoy down``: end a mesh on this machine."""

from convoy_services.cli.console import err, fail, out
from convoy_services.cli.mesh_name import DEFAULT, MeshName
from convoy_services.local.errors import MeshError
from convoy_services.local.mesh import LocalMesh


def down(*, name: MeshName = DEFAULT) -> None:
    """End the mesh and every process of it."""
    try:
        mesh = LocalMesh.find(name)
    except MeshError as exc:
        fail(str(exc))
    if mesh is None:
        out.print(f"no mesh {name} is running")
        return
    with err.status("ending"):
        mesh.stop()
    out.print(f"the mesh {name} is down")

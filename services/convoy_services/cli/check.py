"""``convoy check``: every error of a mesh.yaml at once."""

from convoy_services.cli import source
from convoy_services.cli.console import err, out


def check(config: source.Config = None) -> None:
    """Check a mesh.yaml without starting anything."""
    file = source.load(config)
    mesh = source.checked(file)
    for problem in source.without_versions(file, mesh):
        err.print(f"{problem}; it may be elsewhere", style="yellow")
    out.print(
        f"{file.path} is fine: {_count(len(mesh.pipelines), 'pipeline')}, "
        f"{_count(len(mesh.stages), 'stage')}, {_count(len(mesh.deployments), 'deployment')}"
    )


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"

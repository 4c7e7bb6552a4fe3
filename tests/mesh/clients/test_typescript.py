"""The TypeScript client, packed and installed into an empty project, against the session's mesh."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from convoy_services.local.mesh import LocalMesh
from tests.mesh.gateway.process import Gateway, gateway
from tests.mesh.test_captioning import PICTURES

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "clients" / "typescript"
TOOLS = ROOT / "node_modules" / ".bin"
CHECK = Path(__file__).parent / "typescript" / "check.ts"
EXAMPLES = sorted(path.stem for path in (PACKAGE / "examples").glob("*.ts"))
PAGES = "".join((ROOT / page).read_text() for page in ("README.md", "docs/typescript.md"))
SNIPPETS = re.findall(r"```ts\n(.*?)```", PAGES, re.DOTALL)
WITHIN = 60.0
"""Seconds; a deadline, never an expectation."""
COMPILER = {
    "strict": True,
    "noUncheckedIndexedAccess": True,
    "exactOptionalPropertyTypes": True,
    "verbatimModuleSyntax": True,
    "target": "ES2022",
    "module": "NodeNext",
    "types": ["node"],
    "typeRoots": [str(ROOT / "node_modules" / "@types")],
}


def do(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        command, cwd=cwd, timeout=WITHIN, check=False, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has the package, as npm packs it, and programs that use it, compiled."""
    if not TOOLS.exists():
        pytest.fail("the TypeScript client's tools are not installed: `make test` installs them")
    project = tmp_path_factory.mktemp("project")
    # Packed in a copy: others may read `dist` meanwhile, and what is stale in it stays out.
    copy = tmp_path_factory.mktemp("package")
    unwanted = shutil.ignore_patterns("node_modules", "dist", "build")
    shutil.copytree(PACKAGE, copy, dirs_exist_ok=True, ignore=unwanted)
    (copy / "node_modules").symlink_to(ROOT / "node_modules")
    do("npm", "pack", "--silent", "--pack-destination", project, cwd=copy)
    (packed,) = project.glob("*.tgz")
    (project / "package.json").write_text('{"private": true, "type": "module"}')
    quietly = ("--silent", "--no-audit", "--no-fund", "--prefer-offline")
    do("npm", "install", *quietly, f"./{packed.name}", cwd=project)
    for program in (CHECK, *(PACKAGE / "examples").glob("*.ts")):
        shutil.copy(program, project)
    for place, snippet in enumerate(SNIPPETS):
        (project / f"snippet{place}.ts").write_text(snippet)
    (project / "cat.jpg").write_bytes(PICTURES[0])
    (project / "tsconfig.json").write_text(json.dumps({"compilerOptions": COMPILER}))
    do(TOOLS / "tsc", cwd=project)
    return project


@pytest.fixture(scope="module")
def edge(mesh: LocalMesh) -> Iterator[Gateway]:
    with gateway(mesh.target) as made:
        yield made


@pytest.fixture
def held(tmp_path: Path) -> Iterator[str]:
    """A row that fussy holds until the test has ended."""
    end = tmp_path / "end"
    yield f"wait for {str(end).encode().hex()}"
    end.touch()


@pytest.fixture(params=["gRPC", "Connect", "fetch"])
def way(request: pytest.FixtureRequest, mesh: LocalMesh, edge: Gateway) -> list[str]:
    """How Node runs a program, and what the program calls: the last is the browser's code."""
    ways = {
        "gRPC": ["--conditions=default", mesh.target],
        "Connect": ["--conditions=default", edge.base],
        "fetch": ["--conditions=browser", edge.base],
    }
    return ways[request.param]


def test_an_installed_client_calls_a_mesh(project: Path, way: list[str], held: str) -> None:
    conditions, target = way
    assert "all is well" in do("node", conditions, "check.js", target, held, cwd=project)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_run(project: Path, mesh: LocalMesh, edge: Gateway, name: str) -> None:
    for target in (mesh.target, edge.base):
        assert do("node", f"{name}.js", target, cwd=project)


@pytest.mark.parametrize("place", range(len(SNIPPETS)))
def test_what_the_page_shows_runs(
    project: Path, mesh: LocalMesh, edge: Gateway, place: int
) -> None:
    program = project / f"snippet{place}.js"
    told = re.sub(r"http://(localhost|127\.0\.0\.1):8080", edge.base, program.read_text())
    program.write_text(re.sub(r"(localhost|127\.0\.0\.1):9000", mesh.target, told))
    do("node", program.name, cwd=project)


def test_a_bundle_for_browsers_has_no_node_in_it(project: Path, edge: Gateway) -> None:
    bundle = ("--bundle", "--format=esm", "--platform=browser", "--outfile=bundle.mjs")
    do(TOOLS / "esbuild", "embed.js", *bundle, cwd=project)
    assert "node:" not in (project / "bundle.mjs").read_text()
    assert "total" in do("node", "bundle.mjs", edge.base, cwd=project)

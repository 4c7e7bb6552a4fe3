"""The README's snippets, run as they stand."""

import re
import subprocess
import sys
from pathlib import Path

from convoy_services.config import parse
from convoy_services.local.mesh import LocalMesh

README = (Path(__file__).parents[2] / "README.md").read_text()


def snippets(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_callers_snippet_runs(mesh: LocalMesh) -> None:
    code = snippets("python")[0].replace("127.0.0.1:9000", mesh.target)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("384 [")


def test_the_authors_snippets_make_a_mesh(tmp_path: Path) -> None:
    (tmp_path / "shout.py").write_text(snippets("python")[1])
    (tmp_path / "mesh.yaml").write_text(snippets("yaml")[0])
    assert "shout" in parse(snippets("yaml")[0]).mesh.pipelines
    for command in ("check mesh.yaml", "graph shout"):
        assert f"convoy {command}" in README
        convoy = Path(sys.executable).with_name("convoy")
        done = subprocess.run(
            [convoy, *command.split()],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

"""Real text that every machine has: the docstrings of Python's own standard library."""

import ast
import sysconfig
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SKIPPED = {"test", "tests", "idlelib", "lib2to3", "site-packages", "turtledemo", "ensurepip"}


@dataclass(frozen=True, slots=True)
class Function:
    """A documented public function or method."""

    name: str
    """The full name, as in ``email.utils.parsedate``."""
    text: str
    """The first paragraph of its docstring, on one line."""


def functions() -> list[Function]:
    """Read the documented public functions and methods, in the order of their names.

    The source is parsed, not imported. Texts that say nothing (under four words) are left out,
    and of equal texts all but the first.
    """
    root = Path(sysconfig.get_path("stdlib"))
    found: dict[str, Function] = {}
    for file in sorted(root.rglob("*.py")):
        parts = file.relative_to(root).with_suffix("").parts
        if not SKIPPED.intersection(parts) and not any(p.startswith("_") for p in parts[:-1]):
            for function in _of_module(file, [p for p in parts if p != "__init__"]):
                found.setdefault(function.text, function)
    return sorted(found.values(), key=lambda f: f.name)


def _of_module(file: Path, module: list[str]) -> Iterator[Function]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(file.read_bytes())
    yield from _of_body(tree.body, module)


def _of_body(body: list[ast.stmt], path: list[str]) -> Iterator[Function]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _of_body(node.body, [*path, node.name])
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith(
            "_"
        ):
            continue
        doc = ast.get_docstring(node) or ""
        text = " ".join(doc.split("\n\n")[0].split())
        if len(text.split()) >= 4:
            yield Function(".".join([*path, node.name]), text)

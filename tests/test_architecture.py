"""The map of the house, held to the imports: one way, no circles, torch in its rooms, folders that can be taken in."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "dlcli"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
ROOMS = {"torch": ("networks", "images", "degradations"), "matplotlib": ("reports",), "optuna": ()}
MOST_FILES = 16


def imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """The modules that some statements import, by their full names."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                inner = f"{node.module}.{name.name}"
                yield inner if inner in MODULES else node.module


def imports_of(path: Path) -> set[str]:
    """Every module of the package that a file imports: at its top, within functions, for types."""
    return {name for name in imported(ast.walk(ast.parse(path.read_text()))) if name in MODULES}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one module (Tarjan 1972)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        order[module] = lowest[module] = len(order)
        stack.append(module)
        for other in graph[module]:
            if other not in order:
                visit(other)
                lowest[module] = min(lowest[module], lowest[other])
            elif other in stack:
                lowest[module] = min(lowest[module], order[other])
        if lowest[module] == order[module]:
            start = stack.index(module)
            component = stack[start:]
            del stack[start:]
            if len(component) > 1:
                found.append(sorted(component))

    for module in graph:
        if module not in order:
            visit(module)
    return found


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [["b", "c"]]
    assert circles({"a": {"b"}, "b": set()}) == []


def test_no_imports_go_in_a_circle():
    assert circles({module: imports_of(path) - {module} for module, path in MODULES.items()}) == []


@pytest.mark.parametrize("library", ROOMS)
def test_heavy_libraries_are_imported_at_the_top_only_in_their_rooms(library):
    outside = []
    for module, path in MODULES.items():
        tops = imported(iter(ast.parse(path.read_text()).body))
        if any(name.partition(".")[0] == library for name in tops) and module.split(".")[1] not in ROOMS[library]:
            outside.append(module)
    assert outside == []


@pytest.mark.parametrize("base", ["dlcli", "tests", "benchmarks"])
def test_a_folder_can_be_taken_in(base):
    folders = [p for p in (ROOT / base, *(ROOT / base).rglob("*")) if p.is_dir() and p.name != "__pycache__"]
    counts = {p.relative_to(ROOT).as_posix(): sum(f.suffix == ".py" for f in p.iterdir()) for p in folders}
    assert {name: count for name, count in counts.items() if count > MOST_FILES} == {}


def test_tests_mirror_the_package():
    rooms = {p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    empty = [room for room in sorted(rooms) if not list((ROOT / "tests" / room).rglob("test_*.py"))]
    assert empty == []

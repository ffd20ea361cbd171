"""The structure of the code: its import graph, and the sizes of its folders and files.

    python -m pynascent.scripts.measure.structure [--graph]

Exit status 1 names what breaks a rule: imports run one way between the five folders, and never in a circle (imports
inside functions count, those for type checkers do not); no folder has more than 15 modules at its root, no file more
than 500 lines, and the reference engine of the decision process less than 600 lines in all.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

ARROWS = {
    "envs": set(),
    "evaluation": {"envs"},
    "agents": {"envs"},
    "trainers": {"evaluation", "envs"},
    "scripts": {"agents", "trainers", "evaluation", "envs"},
}
"""Folder → the folders that it may import."""

MOST_MODULES, MOST_LINES, ENGINE_LINES = 15, 500, 600

ENGINE = ("lanes.py", "hashing.py", "outcome.py", "dynamics.py", "formulations/[!_]*.py")
"""The reference engine: state, draws, and the rules, one transition per formulation (in envs/mdp)."""


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Return module name (``envs.core.budget``) → file, of the five folders."""
    found = {}
    for folder in ARROWS:
        for path in sorted((root / folder).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def import_graph(root: Path = ROOT) -> dict[str, set[str]]:
    """Return module → the project's modules that it imports, at any depth of its code.

    Importing a module imports the packages around it too, but those are left out where they are packages of the
    importing module itself. A name imported from a package counts as the module of that name where there is one.
    """
    files = modules(root)
    graph = {}
    for name, path in files.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        found = set()
        for target, names in _imports(ast.parse(path.read_text(encoding="utf-8")), package):
            for wanted in [f"{target}.{n}" if target else n for n in names] or [target]:
                found.add(wanted if wanted in files else target)
        graph[name] = {module for module in found if module in files and module != name}
    return graph


def _imports(tree: ast.AST, package: str) -> Iterator[tuple[str, list[str]]]:
    """Yield (module, names imported from it) of every import that runs, relative ones resolved."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom):
            if node.level:
                base = package.split(".")[: len(package.split(".")) - node.level + 1]
                yield ".".join([*base, *(node.module.split(".") if node.module else [])]), [a.name for a in node.names]
            elif (node.module or "").startswith("pynascent."):
                yield (node.module or "").partition(".")[2], [a.name for a in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("pynascent."):
                    yield alias.name.partition(".")[2], []
        yield from _imports(node, package)


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import each other in a circle (strongly connected components; Tarjan, 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = []
            while True:
                component.append(stack.pop())
                if component[-1] == node:
                    break
            if len(component) > 1:
                found.append(sorted(component))

    sys.setrecursionlimit(max(sys.getrecursionlimit(), 10_000))
    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def engine_lines(root: Path = ROOT) -> int:
    """Return the lines of the reference engine of the decision process."""
    folder = root / "envs" / "mdp"
    return sum(_lines(path) for pattern in ENGINE for path in folder.glob(pattern))


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def problems(root: Path = ROOT) -> list[str]:
    """Return what breaks a rule, a line each."""
    graph, files = import_graph(root), modules(root)
    found = [f"circle of imports: {' ↔ '.join(group)}" for group in cycles(graph)]
    for module, targets in sorted(graph.items()):
        folder = module.partition(".")[0]
        beyond = sorted(t for t in targets if t.partition(".")[0] not in {folder, *ARROWS[folder]})
        found += [f"{module} imports {target}: {folder} may not" for target in beyond]
    for folder in sorted({path.parent for path in files.values()}):
        count = len(list(folder.glob("*.py")))
        if count > MOST_MODULES:
            found.append(f"{folder.relative_to(root)} has {count} modules at its root, more than {MOST_MODULES}")
    for path in files.values():
        if _lines(path) > MOST_LINES:
            found.append(f"{path.relative_to(root)} has {_lines(path)} lines, more than {MOST_LINES}")
    if engine_lines(root) >= ENGINE_LINES:
        found.append(f"the reference engine has {engine_lines(root)} lines: keep it under {ENGINE_LINES}")
    return found


def main() -> int:
    """Print what there is and what breaks a rule."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graph", action="store_true", help="print every module with what it imports")
    graph, files = import_graph(), modules()
    if parser.parse_args().graph:
        for module, targets in sorted(graph.items()):
            print(f"{module}: {', '.join(sorted(targets))}")
    largest = max(files.values(), key=_lines)
    print(
        f"{len(files)} modules, {sum(map(len, graph.values()))} imports between them; the longest file is "
        f"{largest.relative_to(ROOT)} ({_lines(largest)} lines); the reference engine has {engine_lines()} lines"
    )
    found = problems()
    print("\n".join(found) or "no circle, arrows one way, no folder and no file too large")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())

"""Imports run one way: scripts → agents, trainers, evaluation → envs."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "envs": set(),
    "evaluation": {"envs"},
    "agents": {"envs"},
    "trainers": {"evaluation", "envs"},
    "scripts": {"agents", "trainers", "evaluation", "envs"},
}


def imported_folders(path: Path) -> set[str]:
    """Return the project's other folders that a module imports, at any depth of its code."""
    parts = path.relative_to(ROOT).parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = parts[: len(parts) - node.level]
            target = (*base, *(node.module or "").split("."))
            found.add(target[0] if target[0] else "")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pynascent."):
            found.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.Import):
            found.update(alias.name.split(".")[1] for alias in node.names if alias.name.startswith("pynascent."))
    return found & set(ALLOWED) - {parts[0]}


@pytest.mark.parametrize("folder", ALLOWED)
def test_folder_imports_only_what_lies_below_it(folder):
    for path in (ROOT / folder).rglob("*.py"):
        beyond = imported_folders(path) - ALLOWED[folder]
        assert not beyond, f"{path.relative_to(ROOT)} imports {beyond}"


def test_evaluation_knows_spaces_networks_and_references_of_envs():
    known = ("envs.spaces", "envs.network", "envs.core.components", "envs.core.imports")
    for path in (ROOT / "evaluation").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level and "envs" in (node.module or ""):
                assert (node.module or "").startswith(known), f"{path.relative_to(ROOT)} imports {node.module}"

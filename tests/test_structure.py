"""The structure that CONTRIBUTING.md promises, held by the project's own script."""

import pytest

from pynascent.scripts.measure.structure import ARROWS, import_graph, problems


def test_the_project_keeps_its_rules():
    assert problems() == []


def test_evaluation_knows_spaces_networks_and_references_of_envs():
    known = ("evaluation", "envs.spaces", "envs.network", "envs.core.components", "envs.core.imports")
    for module, targets in import_graph().items():
        if module.startswith("evaluation"):
            assert all(target.startswith(known) for target in targets), (module, targets)


@pytest.fixture
def tree(tmp_path):
    for folder in (*ARROWS, "envs/mdp"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "__init__.py").write_text("")
    (tmp_path / "envs" / "a.py").write_text("def f():\n    from .b import g\n    return g\n")
    (tmp_path / "envs" / "b.py").write_text("def g():\n    return 1\n")
    return tmp_path


def test_a_tree_without_faults(tree):
    assert problems(tree) == []


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("envs/b.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import f\n", None),
        ("envs/b.py", "from .a import f\n", "circle of imports: envs.a ↔ envs.b"),
        ("envs/b.py", "def g():\n    from . import a\n    return a\n", "circle of imports: envs.a ↔ envs.b"),
        ("envs/b.py", "from ..agents import x\n", "envs.b imports agents: envs may not"),
        ("agents/x.py", "import pynascent.trainers\n", "agents.x imports trainers: agents may not"),
        ("envs/b.py", "x = 1\n" * 501, "envs/b.py has 501 lines, more than 500"),
        ("envs/mdp/dynamics.py", "x = 1\n" * 300, None),
    ],
)
def test_faults_are_named(tree, file, text, message):
    (tree / file).write_text(text)
    assert problems(tree) == ([message] if message else [])


def test_a_folder_too_full_and_an_engine_too_long(tree):
    for number in range(15):
        (tree / "agents" / f"m{number}.py").write_text("")
    for name in ("dynamics", "lanes"):
        (tree / "envs" / "mdp" / f"{name}.py").write_text("x = 1\n" * 300)
    assert problems(tree) == [
        "agents has 16 modules at its root, more than 15",
        "the reference engine has 600 lines: keep it under 600",
    ]

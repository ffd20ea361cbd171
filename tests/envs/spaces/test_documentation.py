"""The examples of docs/spaces.md run, from a module of their own, and its figures are right."""

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from pynascent.envs.spaces import SPACES

PAGE = (Path(__file__).parents[3] / "docs" / "spaces.md").read_text(encoding="utf-8")


def test_the_examples_run(tmp_path, monkeypatch):
    pytest.importorskip("ConfigSpace")
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 7
    (tmp_path / "spaces_of_the_documentation.py").write_text("\n".join(blocks), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        module = importlib.import_module("spaces_of_the_documentation")
        assert module.config["space"] == "spaces_of_the_documentation:TwoConvolutions"
        assert module.around.shape == (24, 6)
        rows = module.constrained.sample(np.random.default_rng(0), 500)
        assert module.constrained.valid(rows).all()
        configurations = module.constrained.to_configspace(seed=0).sample_configuration(50)
        assert all(len(module.constrained.from_options(dict(c))) == 3 for c in configurations)
        children = module.constrained.mutate(rows, np.random.default_rng(1))
        assert module.constrained.valid(children).all()
    finally:
        sys.modules.pop("spaces_of_the_documentation", None)


def test_the_table_names_every_space_and_its_size():
    table = dict(re.findall(r"^\| `(\w+)` \| .*? \| ([^|]*) \| [^|]* \| [^|]* \|$", PAGE, re.MULTILINE))
    assert set(table) == set(SPACES)
    for name, cls in SPACES.items():
        size = cls().size
        assert table[name] in (f"{size:,}", {"8.4e+10": "8.4 × 10¹⁰", "1.0e+11": "1.0 × 10¹¹"}.get(f"{size:.1e}", ""))


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("chain", 3826),
        ("nasbench_macro", 3969),
        ("vit", 240),
        ("nasbench201", 6466),
        ("transnas_micro", 1948),
        ("transnas_macro", 3256),
    ],
)
def test_the_counts_of_distinct_architectures_are_right(name, count):
    space = SPACES[name]()
    forms = np.concatenate([space.canonical(rows) for rows in space.enumerate()])
    assert len(np.unique(forms, axis=0)) == count
    assert f"{count:,} |\n" in PAGE

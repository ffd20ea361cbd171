"""The examples of docs/data.md run, and print what it says."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from pynascent.envs.core.components import check_settings, split_config
from pynascent.trainers.data.dataset import PARTS, DataSource
from pynascent.trainers.data.datasets import DATASETS, load_dataset
from pynascent.trainers.data.selection import Selection
from pynascent.trainers.data.sources.lazy import Catalogue, LazySource

PAGE = (Path(__file__).parents[3] / "docs" / "data.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("word", ["folds = [", "flowers"])
def test_examples_print_what_the_page_says(word, tmp_path, monkeypatch, capsys):
    pytest.importorskip("PIL")
    monkeypatch.chdir(tmp_path)
    code = next(code for code in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL) if word in code)
    exec(compile(code, "docs/data.md", "exec"), {})
    stated = re.findall(r"^print.*  # (.*)$", code, flags=re.MULTILINE)
    assert len(stated) == 2 and capsys.readouterr().out.splitlines() == stated


def test_every_component_on_the_page_exists_with_its_settings():
    text = re.sub(r"```python\n.*?```", "", PAGE, flags=re.DOTALL)
    configs = [json.loads(config) for config in re.findall(r'\{"component": .*?\}\}', text)]
    assert len(configs) == 4
    for config in configs:
        name, settings = split_config(config, "data set")
        check_settings(name, DATASETS[name], settings)


def test_every_source_is_on_the_page():
    for name in DATASETS:
        assert f"`{name}`" in PAGE or name == "npz", name


class Ramps(LazySource):
    """A source of one's own: grey images of one value each, of two classes."""

    def __init__(self, count=40, seed=0, fold=None):
        super().__init__("ramps", Selection(seed, fold))
        self.count = count

    class_names, example_shape = ("dark", "bright"), (4, 4, 1)

    def catalogue(self):
        return Catalogue((np.arange(self.count) % 2).astype(np.int32), {"train": np.arange(self.count)})

    def read(self, rows):
        return np.broadcast_to((rows / self.count).astype(np.float32)[:, None, None, None], (len(rows), 4, 4, 1)).copy()

    def identity(self, rows):
        return [f"ramps {self.count}"]


def test_a_source_of_ones_own_has_the_rest_from_its_base():
    data = load_dataset(Ramps())
    assert isinstance(data, DataSource) and data.classes == 2 and data.input_shape == (4, 4, 1)
    values = np.concatenate([getattr(data, part).inputs[:, 0, 0, 0] for part in PARTS])
    np.testing.assert_allclose(np.sort(values), np.arange(40) / 40, rtol=1e-6)
    assert np.array_equal(np.round(data.train.inputs[:, 0, 0, 0] * 40) % 2, data.train.labels)
    assert len({Ramps().checksum, Ramps(44).checksum, Ramps(fold=1).checksum, data.checksum}) == 3

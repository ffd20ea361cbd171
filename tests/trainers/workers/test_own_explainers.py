"""Explainers of one's own, in helper processes: another one trains nothing again, a crashing one costs no training."""

import math
from pathlib import Path

import numpy as np
import pytest

CONVOLUTIONS = (4, 3, 2, 5, 1, 0)

MODULE = '''
import numpy as np


class Raw:
    """The input itself, or an error."""

    name, stochastic, complete = "raw", False, False

    def __init__(self, scale=1.0):
        self.scale = scale

    @property
    def settings(self):
        return {"scale": self.scale}

    def explain(self, model, images, labels):
        if self.scale == 0:
            raise ArithmeticError("a scale of 0 explains nothing")
        return np.asarray(images, dtype=np.float32) * self.scale + np.asarray(model(images))[:, :1, None, None]
'''


@pytest.fixture(scope="module")  # one file: a module is imported once, under its name
def explainer(tmp_path_factory):
    file = tmp_path_factory.mktemp("module") / "raw_explainer.py"
    file.write_text(MODULE)
    return lambda scale: {"explainer": {"component": f"{file}:Raw", "settings": {"scale": scale}}}


def ask(live):
    return live.evaluate(np.array([CONVOLUTIONS]), np.array([1]), np.array([0])).row(0)


def test_another_explainer_trains_nothing_again(make_evaluator, explainer):
    live = make_evaluator()
    first = ask(live)
    assert live.store.counts() == {"train": 1, "explain": 1}
    second = ask(make_evaluator(isi=explainer(2.0)))
    assert live.store.counts() == {"train": 1, "explain": 2}
    assert second["isi"] != first["isi"]
    for name in ("validation_accuracy", "test_accuracy", "training_seconds"):
        assert second[name] == first[name]


def test_a_crashing_explainer_costs_no_training(make_evaluator, explainer):
    crashing = make_evaluator(isi=explainer(0.0))
    row = ask(crashing)
    assert row["status"] == "incomplete" and math.isnan(row["isi"])
    assert row["reason"].startswith("explain: ArithmeticError: a scale of 0 explains nothing (traceback: ")
    assert "in explain" in Path(row["reason"].partition("traceback: ")[2].rstrip(")")).read_text()
    assert crashing.store.counts() == {"train": 1}
    mended = ask(make_evaluator(isi=explainer(1.0)))
    assert mended["status"] == "ok" and 0 < mended["isi"] <= 1
    assert crashing.store.counts() == {"train": 1, "explain": 1}
    for name in ("validation_accuracy", "test_accuracy", "training_seconds"):
        assert mended[name] == row[name]

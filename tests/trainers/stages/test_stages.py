"""Stages: their graph, their keys, and what they measure."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from pynascent.envs.core.evaluation import Metric
from pynascent.trainers import Stage, StageResult
from pynascent.trainers.data.datasets import load_dataset
from pynascent.trainers.stages import make_stages, stage_config
from pynascent.trainers.stages.base import pack_checkpoints, pack_weights, unpack_checkpoints, unpack_weights
from pynascent.trainers.stages.explain import Explain
from pynascent.trainers.stages.measure import ExpectedCalibrationError, Measured
from pynascent.trainers.stages.train import Train


@dataclass(frozen=True)
class Prune(Stage):
    """A stage of one's own between two others."""

    share: float = 0.5
    name: ClassVar[str] = "prune"
    reads: ClassVar[tuple[str, ...]] = ("weights",)
    writes: ClassVar[tuple[str, ...]] = ("pruned",)

    @property
    def metrics(self):
        return {"sparsity": Metric("sparsity", "fraction", None, 0.0, 1.0)}

    def run(self, context):
        return StageResult({"sparsity": self.share}, {"pruned": context.artifacts["weights"]})


@dataclass(frozen=True)
class Weigh(Stage):
    name: ClassVar[str] = "weigh"
    reads: ClassVar[tuple[str, ...]] = ("pruned",)

    @property
    def metrics(self):
        return {"bytes": Metric("bytes", "count")}

    def run(self, context):
        return StageResult({"bytes": float(sum(a.nbytes for a in context.artifacts["pruned"].values()))})


def test_stages_come_after_what_they_read():
    names = [stage.name for stage in make_stages([Weigh(), Prune(), "explain", "train"])]
    assert names.index("train") < names.index("prune") < names.index("weigh")
    assert names.index("train") < names.index("explain")


@dataclass(frozen=True)
class Circle(Stage):
    name: ClassVar[str] = "circle"
    reads: ClassVar[tuple[str, ...]] = ("there",)
    writes: ClassVar[tuple[str, ...]] = ("there",)
    metrics = {}  # noqa: RUF012

    def run(self, context):
        return StageResult()


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([], "give a list such as"),
        (["explain"], "reads 'checkpoints', which no stage writes"),
        (["train", Prune(), Prune()], "two stages are called 'prune'"),
        (["train", Circle()], "circle wait for each other"),
        (["train", 7], "give a subclass of Stage"),
        (["train", {"component": "explain", "settings": {"cycle": 3}}], "did you mean 'cycles'"),
        (
            ["train", {"component": "explain", "settings": {"similarity": "cosine"}}],
            "choose one of auto, ssim, spearman",
        ),
    ],
)
def test_a_graph_that_cannot_run_is_one_line(stages, message):
    with pytest.raises(ValueError, match=message):
        make_stages(stages)


def test_a_stage_travels_as_json():
    (stage,) = make_stages([{"component": "train", "settings": {"configuration": {"learning_rate": 0.1}}}])
    (again,) = make_stages([stage_config(stage)])
    assert again == stage and stage_config(again) == stage_config(stage)


def test_identities_hold_what_differs_and_nothing_else():
    assert Train().identity() == {}
    assert Train({"learning_rate": 0.01, "fidelities": [1, 2], "optimizer": "adamw"}).identity() == {}
    assert Train({"learning_rate": 0.1}).identity() == {"learning_rate": 0.1}
    assert Train(checkpoints=4).identity() == {"checkpoints": 4}
    assert Train({"loss": "cross_entropy"}).identity() == {"loss": {"component": "cross_entropy"}}
    assert Explain().identity() == {}
    ig = {"component": "integrated_gradients", "settings": {"steps": 32, "baseline": 0.5}}
    assert Explain(ig).identity() == {"explainer": {"component": "integrated_gradients", "settings": {"baseline": 0.5}}}
    assert "source" in Prune().identity() and "share" not in Prune().identity()
    assert Prune(0.25).identity()["share"] == 0.25


def test_weights_and_checkpoints_pack_in_order():
    weights = [np.full((2,), i, np.float32) for i in range(12)]
    assert all(np.array_equal(a, b) for a, b in zip(unpack_weights(pack_weights(weights)), weights, strict=True))
    found = unpack_checkpoints(pack_checkpoints([weights, weights[::-1]]))
    assert len(found) == 2 and np.array_equal(found[1][0], weights[-1])


def calibration(logits, labels, bins=10):
    class Data:
        class validation:
            pass

    Data.validation.labels = np.asarray(labels)
    logits = np.asarray(logits, dtype=np.float32)
    return ExpectedCalibrationError(bins).measure(Measured(logits, logits, Data, None, None))


def test_the_calibration_error_of_known_predictions():
    sure = np.log([[0.8, 0.2]] * 10)
    assert calibration(sure, [0] * 8 + [1] * 2) == pytest.approx(0.0, abs=1e-6)
    assert calibration(sure, [0] * 3 + [1] * 7) == pytest.approx(0.5, abs=1e-6)
    assert calibration([[50.0, 0.0]] * 4, [1] * 4) == pytest.approx(1.0, abs=1e-6)


def test_an_isi_needs_one_class_and_enough_probes():
    digits = load_dataset("digits")
    with pytest.raises(ValueError, match="probes=65: the data set 'digits' has 64"):
        Explain(probes=65).check(None, digits, (1,))

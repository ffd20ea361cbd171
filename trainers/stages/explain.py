"""The stage that explains a candidate's checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ...envs.core.components import split_config
from ...envs.core.evaluation import METRICS, Metric
from ...envs.core.provenance import provenance
from ...evaluation.explainers import EXPLAINERS, make_explainer
from ...evaluation.metrics.isi import checkpoint_steps
from ..data.dataset import DataSource
from ..training.configuration import Component
from .base import Candidate, Stage, StageContext, StageResult, component_identity, unpack_checkpoints

SIMILARITIES = ("auto", "ssim", "spearman")


@dataclass(frozen=True)
class Explain(Stage):
    """Explain the probe examples at every checkpoint, and measure how alike the explanations stay: the ISI.

    Args:
        explainer: a name in `pynascent.evaluation.explainers.EXPLAINERS`, or a component.
        cycles: checkpoints that the ISI needs, at least 2: as many as the training keeps.
        probes: number of examples of the probe split that are explained, the first ones.
        similarity: of two maps: ``ssim``, ``spearman`` (rank correlation), or ``auto``: SSIM for images, rank
            correlation for feature rows.
    """

    explainer: Component = "gradient_x_input"
    cycles: int = 9
    probes: int = 64
    similarity: str = "auto"
    name: ClassVar[str] = "explain"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("checkpoints",)
    seconds: ClassVar[str] = "explanation_seconds"

    def __post_init__(self) -> None:
        """Check the settings."""
        for name, least in (("cycles", 2), ("probes", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ValueError(f"explain: {name}={value!r}: give an integer of at least {least}")
        if self.similarity not in SIMILARITIES:
            raise ValueError(f"explain: similarity={self.similarity!r}: choose one of {', '.join(SIMILARITIES)}")
        self.make_explainer()  # says what is wrong with it

    def make_explainer(self) -> Any:
        """Return the explainer."""
        reference, settings = split_config(self.explainer, "explainer")
        return make_explainer(reference, **settings)

    @property
    def packages(self) -> Sequence[str]:
        """Names of the packages whose versions its result depends on."""
        reference, _ = split_config(self.explainer, "explainer")
        return (*super().packages, *(package for package in ("shap", "lime") if package == reference))

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """The Interpretability Stability Index."""
        return {"isi": METRICS["isi"]}

    def identity(self) -> dict[str, Any]:
        """See `Stage.identity`."""
        identity = super().identity()
        if "explainer" in identity:
            identity["explainer"] = component_identity(EXPLAINERS, self.explainer)
        return {**identity, **provenance(self)}

    def check(self, candidate: Candidate, data: DataSource, fidelities: Sequence[int]) -> None:
        """See `Stage.check`."""
        if self.probes > len(data.probe):
            raise ValueError(f"explain: probes={self.probes}: the data set {data.name!r} has {len(data.probe)}")
        if data.multi_label:
            raise ValueError(
                f"explain: the data set {data.name!r} is multi-label, and the ISI explains an example's one class: "
                "leave the stage 'explain' out"
            )
        if len(data.input_shape) == 1 and self.similarity == "ssim":
            raise ValueError("explain: similarity='ssim' needs images: give 'spearman' for feature rows")

    def run(self, context: StageContext) -> StageResult:
        """See `Stage.run`."""
        from ...evaluation.metrics.isi import explain_checkpoints, interpretability_stability_index
        from ..keras.builder import build_model

        checkpoints = unpack_checkpoints(context.artifacts["checkpoints"])
        probe = context.data.probe
        inputs, labels = probe.inputs[: self.probes], probe.labels[: self.probes]
        model = build_model(context.candidate.network, seed=0)
        maps = explain_checkpoints(model, checkpoints, inputs, labels, self.make_explainer())
        result = interpretability_stability_index(maps)
        by_rank = self.similarity == "spearman" or (self.similarity == "auto" and inputs.ndim == 2)
        return StageResult({"isi": result.spearman if by_rank else result.isi})


def check_cycles(cycles: int, checkpoints: int, fidelities: Sequence[int], steps_per_epoch: int) -> None:
    """Refuse an ISI whose checkpoints the training does not have.

    Args:
        cycles: that the ISI needs.
        checkpoints: that the training keeps.
        fidelities: epochs that may be asked for, ascending.
        steps_per_epoch: of the training.

    Raises:
        ValueError: the numbers differ, or the shortest training has fewer steps.
    """
    if cycles != checkpoints:
        raise ValueError(
            f"explain: cycles={cycles}, but the stage 'train' keeps checkpoints={checkpoints}: give both one number"
        )
    checkpoint_steps(fidelities[0], steps_per_epoch, cycles)

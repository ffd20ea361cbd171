"""``pynascent explain``: what the best network of a search looks at, as a picture."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from ...agents.rl.tensorflow_setup import quiet_native_start
from ..errors import UsageError
from ..files import replace_file
from ..received import received_files
from .examples import choose_examples, examples_of, probabilities_of
from .recorded import recorded_task
from .run_folder import BEST_MODEL, RunFolder


def explain_search(
    folder: Path,
    method: str | Mapping[str, Any],
    images: int = 8,
    seed: int = 0,
    classes: Sequence[int] | None = None,
    modules: Sequence[str] = (),
    allow_import: Sequence[str] = (),
) -> Path:
    """Draw test examples, their attributions and predictions; returns the PNG's path.

    The data set is that of the recorded search, whatever it is: images, or rows of features, which are drawn as bars.

    Args:
        folder: a finished search's folder with its ``best.keras``.
        method: an explainer's name, ``"module:Class"``, or ``{"component": …, "settings": {…}}``.
        images: number of test examples, 1 to 32.
        seed: seed of explainers that sample.
        classes: the classes that examples are of, in turn; None for all, spread evenly where there are more classes
            than examples.
        modules: modules or files to import first, which register the environment or hold components.
        allow_import: further modules that the record may have imported: otherwise no file names code to run.

    Raises:
        UsageError: the folder holds no such search, or an argument does not fit.
        ModuleNotFoundError: a package is missing; the message names the extra.
    """
    if not 1 <= images <= 32:
        raise UsageError(f"--images {images}: give 1 to 32")
    explainer, label = _make_explainer(method, seed)
    summary = RunFolder(folder).read_summary()
    model_file = folder / BEST_MODEL
    if not model_file.is_file():
        raise UsageError(f"{folder} has no {BEST_MODEL}: only a live search trains a network that can be explained")

    from ...evaluation.figures import draw_explanations
    from ...evaluation.optional import require

    with received_files(modules, allow_import), ExitStack() as stack:
        task = recorded_task(summary["configuration"], stack)
        inputs, labels, names = examples_of(task)
        multi_label = bool(getattr(task.evaluator.dataset, "multi_label", False))  # type: ignore[attr-defined]
    chosen = choose_examples(labels, images, classes)
    inputs, labels = inputs[chosen], labels[chosen]
    with quiet_native_start():
        keras = require("keras", "train", "pynascent explain")
    try:
        model = keras.models.load_model(model_file, compile=False)
    except TypeError as error:  # what a layer of the user's own gives that nobody has imported
        line = str(error).strip().splitlines()[0]
        raise UsageError(f"{model_file} has a layer that is not known here ({line}): add --module MODULE") from error
    logits = np.asarray(model(inputs, training=False))
    maps = np.asarray(explainer.explain(model, inputs, labels))
    names = names or [str(k) for k in range(logits.shape[1])]
    title = f"{textwrap.fill(summary['best']['text'], width=60)}\n{_score(summary)}"
    path = folder / f"explain-{label}.png"
    replace_file(
        path,
        lambda temporary: draw_explanations(
            temporary, inputs, maps, probabilities_of(logits, multi_label), labels, names, method=label, title=title
        ),
    )
    return path


def _score(summary: Mapping[str, Any]) -> str:
    """Say what the best network scores on the test split, the whole of it."""
    test = summary.get("test") or {"test_accuracy": summary["test_accuracy"]}
    known = {name: value for name, value in test.items() if value is not None}
    return ", ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in known.items())


def _make_explainer(method: str | Mapping[str, Any], seed: int) -> tuple[Any, str]:
    """Return an explainer, seeded where it samples, and what its picture is called."""
    from ...envs.core.components import split_config
    from ...evaluation.explainers import EXPLAINERS, make_explainer

    try:
        reference, settings = split_config(method, "explainer")
        kind = EXPLAINERS.resolve(reference)
        if getattr(kind, "stochastic", False):
            settings = {"seed": seed, **settings}
        explainer = make_explainer(reference, **settings)
    except ValueError as error:
        raise UsageError(f"--method: {error}") from error
    name = reference if reference in EXPLAINERS else str(getattr(kind, "name", reference.rpartition(":")[2]))
    return explainer, re.sub(r"[^A-Za-z0-9_.+-]+", "-", name)

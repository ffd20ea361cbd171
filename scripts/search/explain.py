"""``pynascent explain``: what the best network of a search looks at, as a picture."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np

from ...agents.rl.tensorflow_setup import quiet_native_start
from ...envs.core.tasks import TASKS
from ..errors import UsageError
from ..files import replace_file
from .run_folder import BEST_MODEL, RunFolder


def explain_search(folder: Path, method: str, images: int = 8, seed: int = 0) -> Path:
    """Draw test images, their attribution maps and predictions; returns the PNG's path.

    The images are the first of each class in turn, so that eight show eight digits.

    Args:
        folder: a finished search's folder with its ``best.keras``.
        method: an explainer's name.
        images: number of test images, 1 to 32.
        seed: seed of explainers that sample.

    Raises:
        UsageError: the folder holds no such search, or an argument does not fit.
        ModuleNotFoundError: a package is missing; the message names the extra.
    """
    from ...evaluation.explainers import EXPLAINERS, make_explainer

    if method not in EXPLAINERS:
        raise UsageError(f"--method {method} is unknown: known are {', '.join(EXPLAINERS)}")
    if not 1 <= images <= 32:
        raise UsageError(f"--images {images}: give 1 to 32")
    summary = RunFolder(folder).read_summary()
    model_file = folder / BEST_MODEL
    if not model_file.is_file():
        raise UsageError(f"{folder} has no {BEST_MODEL}: only a live search trains a network that can be explained")

    from ...evaluation.figures import draw_explanations
    from ...evaluation.optional import require
    from ...trainers.data.datasets import load_dataset

    with quiet_native_start():
        keras = require("keras", "train", "pynascent explain")
    explainer = make_explainer(method, **({"seed": seed} if EXPLAINERS[method].stochastic else {}))
    dataset = load_dataset(_dataset_of(summary))
    chosen = _one_of_each_class(dataset.test.labels, images)
    pictures, labels = dataset.test.images[chosen], dataset.test.labels[chosen]
    model = keras.models.load_model(model_file, compile=False)
    logits = np.asarray(model(pictures, training=False))
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    maps = explainer.explain(model, pictures, labels)
    names = [str(k) for k in range(logits.shape[1])]
    text = textwrap.fill(summary["best"]["text"], width=60)
    title = f"{text}\ntest accuracy {summary['test_accuracy']:.4f}"
    path = folder / f"explain-{method}.png"
    replace_file(
        path,
        lambda temporary: draw_explanations(
            temporary, pictures, maps, probabilities, labels, names, method=method, title=title
        ),
    )
    return path


def _dataset_of(summary: dict) -> str:
    from .run import environment_spec

    configuration = summary["configuration"]
    task = environment_spec(configuration["env"]).kwargs.get("task")
    arguments = {**(TASKS[task].arguments if task in TASKS else {}), **configuration["evaluator"]}
    return arguments.get("dataset", "digits")


def _one_of_each_class(labels: np.ndarray, count: int) -> np.ndarray:
    """Return indices of the first image of every class, then of the second, …, ``(count,)``."""
    rank = np.zeros(len(labels), dtype=np.int64)
    for k in np.unique(labels):
        of_class = np.flatnonzero(labels == k)
        rank[of_class] = np.arange(len(of_class))
    return np.lexsort((labels, rank))[:count]

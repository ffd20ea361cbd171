"""Imports TensorFlow for TF-Agents, whose ``tf.keras`` must be tf_keras (Keras 2) and not Keras 3."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

_VARIABLE = "TF_USE_LEGACY_KERAS"


def tensorflow_for_agents(purpose: str = "TF-Agents' environment adapter") -> ModuleType:
    """Import TensorFlow with ``tf.keras`` bound to tf_keras, then TF-Agents; return TensorFlow.

    TensorFlow decides by an environment variable which Keras ``tf.keras`` is. It is set for the import
    alone, so that child processes do not inherit it. ``import keras`` gives Keras 3 before and after.

    Args:
        purpose: what needs it, for errors: ``"the agent 'dqn'"``.

    Raises:
        ModuleNotFoundError: a package is missing; the message names the extra.
        RuntimeError: ``tf.keras`` is Keras 3 in this process already.
    """
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = "1"
    try:
        with quiet_native_start():
            import tf_keras

            if "tensorflow" in sys.modules:
                _turn_to(tf_keras, purpose)
            import tensorflow as tf

        _settle(tf, purpose)
        _import_tf_agents()
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{purpose} needs the package {error.name!r}: pip install 'pynascent[ppo]'", name=error.name
        ) from error
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before
    return tf


@contextmanager
def quiet_native_start() -> Iterator[None]:
    """Keep what TensorFlow's libraries write to the process's standard error while they are loaded.

    They announce CUDA plugins before their log level counts, into the middle of a progress bar. Python's
    own errors are exceptions and not affected.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _import_tf_agents() -> None:
    """Import TF-Agents without the notice that its old gym prints and the warnings of its old syntax."""
    with suppress(ModuleNotFoundError):
        from gym_notices import notices

        notices.notices.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        import tf_agents  # noqa: F401


def _turn_to(tf_keras: Any, purpose: str) -> None:
    """Bind ``tf.keras`` of a TensorFlow that was imported without the variable, if nothing has used it yet.

    Such a TensorFlow (``import keras`` imports one) looks for ``tensorflow.keras`` in Keras 3's folder;
    tf_keras's folder, put first on its path, is where the variable would have made it look.
    """
    tf: Any = sys.modules["tensorflow"]
    bound = sys.modules.get("tensorflow.keras") or vars(tf).get("keras")
    name = getattr(vars(bound).get("Model"), "__module__", "") if bound is not None else ""
    if name and not name.startswith("tf_keras"):
        raise RuntimeError(
            f"TensorFlow's tf.keras is Keras 3 in this process already, and {purpose} needs tf_keras: use it in a "
            f"process that has not used tf.keras, or set {_VARIABLE}=1 before TensorFlow is imported"
        )
    folder = str(Path(tf_keras.__file__).parent / "api" / "_v2")
    if folder not in tf.__path__:
        tf.__path__.insert(0, folder)


def _settle(tf: Any, purpose: str) -> None:
    """Make TensorFlow's lazily bound Keras modules decide now, while the variable is set."""
    bound = [tf.keras, tf.compat.v1.keras, tf.compat.v2.keras, tf.losses, tf.metrics, tf.optimizers, tf.initializers]
    for module in bound:
        dir(module)
    if not tf.keras.Model.__module__.startswith("tf_keras"):
        raise RuntimeError(
            f"tf.keras is {tf.keras.Model.__module__}, not tf_keras: {purpose} needs pynascent[ppo] as installed"
        )

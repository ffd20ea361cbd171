"""Set-up of the processes that train and explain: threads, determinism, devices, Ray's environment."""

from __future__ import annotations

import gc
import os
from typing import Any

from ...evaluation.optional import require


def set_up_tensorflow(threads: int = 1, gpu: int | None = None) -> None:
    """Make TensorFlow deterministic and give it its threads and device; call it before anything is computed.

    With one thread an operation always sums in one order, so every process computes the same bits.

    Args:
        threads: threads within an operation; others than 1 may change results in their last bits.
        gpu: index of the GPU to use, None for none.

    Raises:
        RuntimeError: TensorFlow has already started in this process with other settings, or sees no such GPU.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Read when TensorFlow is imported. It is on by itself on some processors only; where it is off, convolutions
    # of this size take 1.4 times as long, and the same candidate would come out otherwise on another machine.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    tf = require("tensorflow", "train", "training")
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    gpus = tf.config.list_physical_devices("GPU")
    if gpu is not None and gpu >= len(gpus):
        raise RuntimeError(
            f"GPU {gpu} was asked for, TensorFlow sees {len(gpus)}: install its CUDA libraries, or ask for 0"
        )
    chosen = [] if gpu is None else [gpus[gpu]]
    if gpus:
        tf.config.set_visible_devices(chosen, "GPU")
    for device in chosen:
        tf.config.experimental.set_memory_growth(device, True)


def forget_models() -> None:
    """Free what Keras and TensorFlow hold of models that nobody uses any more; a warm worker lives long."""
    keras: Any = require("keras", "train", "training")
    keras.utils.clear_session(free_memory=False)
    gc.collect()
    if not gc.get_freeze_count():
        # What is left after the first model are TensorFlow and Keras themselves: to look through them again
        # after every candidate took a tenth of its time.
        gc.freeze()

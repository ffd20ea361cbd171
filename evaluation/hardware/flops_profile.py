"""FLOPs of a Keras model as TensorFlow's own profiler counts them: the check on the analytic cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..optional import require

MULTIPLY_ACCUMULATE = ("Conv2D", "DepthwiseConv2dNative", "MatMul", "BatchMatMulV2")
"""Operation types whose count is ``flops``; all others are ``elementwise_flops`` (envs.spaces.cost)."""


@dataclass(frozen=True)
class ProfiledOperation:
    """One operation of the inference graph: its name (layer names included), type and FLOPs."""

    name: str
    type: str
    flops: int


def profile_operations(model: Any) -> list[ProfiledOperation]:
    """List the operations of a model's inference pass for one example, with the profiler's figure for each.

    Operations that the profiler has no figure for (ReLU, reshape, …) count 0. Functions called inside the
    graph (grouped convolutions run in one on CPU) are opened.

    Args:
        model: a Keras model with one input of known shape.
    """
    tf = require("tensorflow", "train", "profiling a model")
    signature = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    graph = tf.function(lambda images: model(images, training=False)).get_concrete_function(signature).graph
    return list(_operations(graph))


def profile_flops(model: Any) -> dict[str, int]:
    """Return FLOPs by operation type of one example's inference pass; types that count 0 are left out.

    The sum of the values is what ``tf.compat.v1.profiler.profile`` reports as ``total_float_ops``.

    Args:
        model: a Keras model with one input of known shape.
    """
    counts: Counter[str] = Counter()
    for operation in profile_operations(model):
        counts[operation.type] += operation.flops
    return {kind: flops for kind, flops in sorted(counts.items()) if flops}


def _operations(graph: Any) -> Iterator[ProfiledOperation]:
    ops = require("tensorflow.python.framework.ops", "train", "profiling a model")
    for operation in graph.get_operations():
        if operation.type in ("PartitionedCall", "StatefulPartitionedCall"):
            called = graph._get_function(operation.get_attr("f").name)
            yield from _operations(called.graph)
            continue
        try:
            flops = ops.get_stats_for_node_def(graph, operation.node_def, "flops").value
        except ValueError:  # the profiler's formula needs a shape that this operation does not know
            flops = None
        yield ProfiledOperation(operation.name, operation.type, int(flops or 0))

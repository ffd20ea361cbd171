"""The ranks that train one candidate together: one process alone, or several joined by Horovod."""

from __future__ import annotations

from typing import Any, Protocol

from ...evaluation.optional import require


class Communicator(Protocol):
    """What training needs of its group.

    Attributes:
        rank: this process's place, 0..size − 1.
        size: number of processes.
    """

    rank: int
    size: int

    def mean(self, tensor: Any, name: str) -> Any:
        """Return a tensor's mean over the ranks, differentiable, in graph or eager mode.

        Args:
            tensor: a ``tf.Tensor`` of one shape on all ranks.
            name: names the exchange; the same on all ranks, and no two in flight at once share it.
        """
        ...

    def combine(self, gradient: Any, name: str, compression: str = "none", reduction: str = "average") -> Any:
        """Return what the ranks' gradients come to together, not differentiable.

        Args:
            gradient: a float32 vector of one size on all ranks.
            name: as of `mean`.
            compression: what is exchanged: ``none`` or ``fp16``, half the bytes.
            reduction: ``average``, or ``adasum`` (Maleki et al., 2021), which adds what is orthogonal.
        """
        ...


class Alone:
    """A group of one: nothing to exchange."""

    rank, size = 0, 1

    def mean(self, tensor: Any, name: str) -> Any:
        """Return the tensor."""
        return tensor

    def combine(self, gradient: Any, name: str, compression: str = "none", reduction: str = "average") -> Any:
        """Return the gradient."""
        return gradient


class HorovodRanks:
    """Horovod's ranks; ``hvd.init()`` reads this process's place from its environment."""

    def __init__(self) -> None:
        self._hvd = require("horovod.tensorflow", "horovod", "training with several ranks")
        self._hvd.init()
        self.rank, self.size = self._hvd.rank(), self._hvd.size()

    @property
    def local_rank(self) -> int:
        """Place among the ranks on this machine."""
        return self._hvd.local_rank()

    def mean(self, tensor: Any, name: str) -> Any:
        """Return the mean over the ranks by an all-reduce; its gradient is the mean of the gradients."""
        tf = require("tensorflow", "train", "training")

        def exchange(value: Any, name: str) -> Any:
            # Names of our own: TensorFlow's counters depend on what a process has built before.
            return self._hvd.allreduce(value, op=self._hvd.Average, name=name, ignore_name_scope=True)

        @tf.custom_gradient
        def mean(value: Any) -> tuple[Any, Any]:
            return exchange(value, name), lambda upstream: exchange(upstream, f"{name}_gradient")

        return mean(tensor)

    def combine(self, gradient: Any, name: str, compression: str = "none", reduction: str = "average") -> Any:
        """See `Communicator`."""
        hvd = self._hvd
        if reduction == "adasum" and not (hvd.mpi_built() or hvd.nccl_built()):
            raise RuntimeError("gradient_reduction='adasum' needs a Horovod built with MPI or NCCL: give 'average'")
        return hvd.allreduce(
            gradient,
            op=hvd.Adasum if reduction == "adasum" else hvd.Average,
            compression=getattr(hvd.Compression, compression),
            name=name,
            ignore_name_scope=True,
        )

"""Loss scaling: gradients of half precision are kept above its smallest number, and steps that overflow are skipped.

float16 has no numbers below 6e-8: small gradients would vanish. The loss is multiplied by a scale before
backpropagation and the gradients are divided by it afterwards, in float32 (Micikevicius et al., 2018). A scale that is
too large makes gradients overflow; such a step changes nothing but the scale.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ...envs.core.components import Registry
from ...evaluation.optional import require

LARGEST = 2.0**120
"""No scale grows beyond it: times a loss it is still a float32."""


class LossScaling(ABC):
    """A rule for the scale; its keyword arguments are its settings.

    Args:
        initial: the first scale, above 0.
    """

    def __init__(self, initial: float = 2.0**15) -> None:
        self.initial = _above("initial", initial, 0.0)

    def begin(self) -> list[Any]:
        """Make the state: the scale and the number of steps since it changed, as ``tf.Variable``s, and return it."""
        tf: Any = require("tensorflow", "train", "training")
        self.scale = tf.Variable(self.initial, dtype=tf.float32)
        self.steady = tf.Variable(0, dtype=tf.int32)
        return [self.scale, self.steady]

    @abstractmethod
    def after(self, finite: Any, norm: Any) -> None:
        """Change the scale after a step, inside a graph.

        Args:
            finite: whether every gradient was finite, a bool scalar; where not, the step is skipped.
            norm: Euclidean norm of the unscaled gradient, a float32 scalar; not finite where ``finite`` is False.
        """


class Dynamic(LossScaling):
    """Keras's and most libraries' rule: twice the scale after a number of finite steps, half of it on overflow.

    Args:
        initial: the first scale; Keras's is 2¹⁵.
        growth_steps: finite steps in a row until it grows, at least 1; Keras's are 2,000.
        factor: by which it grows and shrinks, above 1.
    """

    def __init__(self, initial: float = 2.0**15, growth_steps: int = 2000, factor: float = 2.0) -> None:
        super().__init__(initial)
        if not isinstance(growth_steps, int) or isinstance(growth_steps, bool) or growth_steps < 1:
            raise ValueError(f"loss scaling: growth_steps={growth_steps!r}: give an integer of at least 1")
        self.growth_steps, self.factor = growth_steps, _above("factor", factor, 1.0)

    def after(self, finite: Any, norm: Any) -> None:
        """See `LossScaling`."""
        tf: Any = require("tensorflow", "train", "training")
        grows = tf.logical_and(finite, self.steady >= self.growth_steps - 1)
        self.steady.assign(tf.where(tf.logical_or(grows, tf.logical_not(finite)), 0, self.steady + 1))
        grown = tf.where(grows, self.scale * self.factor, self.scale)
        self.scale.assign(tf.minimum(tf.where(finite, grown, self.scale / self.factor), LARGEST))


class GradientNorm(LossScaling):
    """The paper's rule, equation (2) as printed: times η where ‖∇‖ > κ, divided by ρ on overflow.

    ‖∇‖ is the norm of the unscaled gradient. Where gradients stay larger than κ the scale grows in every step, until
    one overflows; in bfloat16, whose range is float32's, it would grow without bound, and is held at `LARGEST`.
    Where they are smaller it never grows again after an overflow. `Dynamic` has neither fault and is the default.

    Args:
        initial: the first scale.
        eta: η, above 1.
        rho: ρ, above 1.
        kappa: κ, 0 or more.
    """

    def __init__(self, initial: float = 2.0**15, eta: float = 2.0, rho: float = 2.0, kappa: float = 1.0) -> None:
        super().__init__(initial)
        self.eta, self.rho = _above("eta", eta, 1.0), _above("rho", rho, 1.0)
        self.kappa = kappa if kappa == 0 else _above("kappa", kappa, 0.0)

    def after(self, finite: Any, norm: Any) -> None:
        """See `LossScaling`."""
        tf: Any = require("tensorflow", "train", "training")
        changes = tf.logical_or(norm > self.kappa, tf.logical_not(finite))
        self.steady.assign(tf.where(changes, 0, self.steady + 1))
        grown = tf.where(norm > self.kappa, self.scale * self.eta, self.scale)
        self.scale.assign(tf.minimum(tf.where(finite, grown, self.scale / self.rho), LARGEST))


class Fixed(LossScaling):
    """A scale that never changes; steps that overflow are skipped."""

    def after(self, finite: Any, norm: Any) -> None:
        """See `LossScaling`."""
        self.steady.assign_add(1)


LOSS_SCALINGS = Registry("loss scaling", {"dynamic": Dynamic, "gradient_norm": GradientNorm, "fixed": Fixed})
"""Name → class whose keyword arguments are the settings."""


def make_loss_scaling(loss_scaling: Any, precision: str) -> LossScaling | None:
    """Return a configuration's rule; where none is named, float16 has `Dynamic` and the rest has none."""
    if loss_scaling is None:
        return Dynamic() if precision == "mixed_float16" else None
    return LOSS_SCALINGS.make(loss_scaling)


def _above(name: str, value: Any, least: float) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not least < value <= LARGEST:
        raise ValueError(f"loss scaling: {name}={value!r}: give a number above {least:g}")
    return float(value)

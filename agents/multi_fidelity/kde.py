"""Kernel density estimates over categorical vectors, and the good/bad pair that BOHB's model is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

_TINY = 1e-32  # HpBandSter's floor of both densities in their ratio


def normal_reference(data: IntArray, cardinalities: IntArray) -> FloatArray:
    """Return statsmodels' normal reference bandwidths 1.06 σ m^(−1/(4 + d)), ``(d,)``.

    It is what HpBandSter uses. The rule is made for real numbers: on option indices σ measures how far
    apart the options happen to be numbered, and grows with their number, while a categorical bandwidth is
    a probability. With the few points of a good set (m = d + 1) and five or six options it comes out at
    0.7 to 1.4, so that most choices are drawn nearly uniformly, whatever the model has learnt.

    Args:
        data: ``(m, d)`` option indices.
        cardinalities: ``(d,)``; not used by this rule.
    """
    m, d = data.shape
    return 1.06 * data.std(axis=0) * m ** (-1.0 / (4 + d))


def categorical_reference(data: IntArray, cardinalities: IntArray) -> FloatArray:
    """Return bandwidths in the scale of categories, ``(d,)``: the repaired rule.

    (k − 1)/k · m^(−2/(4 + d)): the uniform kernel's bandwidth, shrunk at the optimal order for discrete
    variables (Li and Racine, 2007, "Nonparametric Econometrics", section 3.3). It depends on no numbering,
    and not on the data's spread either: a rule that does (σ, or an entropy of the shares) vanishes as soon
    as all good points agree on an option, after which that option is never left again.

    Args:
        data: ``(m, d)`` option indices.
        cardinalities: ``(d,)`` numbers of options.
    """
    m, d = data.shape
    return (cardinalities - 1) / cardinalities * m ** (-2.0 / (4 + d))


BANDWIDTHS: dict[str, Callable[[IntArray, IntArray], FloatArray]] = {
    "normal_reference": normal_reference,
    "categorical": categorical_reference,
}


class CategoricalKDE:
    """Product of Aitchison-Aitken kernels around data points.

    The kernel of a choice with k options is 1 − h on the point's own option and h / (k − 1) on each other
    (Aitchison and Aitken, 1976, Biometrika 63). k is the number of options there are, not of those in the
    data (statsmodels), so that an unseen option has a positive density and never gives NaN. h is clipped
    to [``min_bandwidth``, (k − 1)/k]: at the upper end the kernel is uniform, beyond it no density.

    Args:
        data: ``(m, d)`` option indices.
        cardinalities: ``(d,)`` numbers of options.
        min_bandwidth: smallest bandwidth, above 0.
        bandwidth: the rule, a key of `BANDWIDTHS`.
    """

    def __init__(
        self,
        data: IntArray,
        cardinalities: IntArray,
        min_bandwidth: float = 1e-3,
        bandwidth: str = "normal_reference",
    ) -> None:
        self.data, self.cardinalities = data, cardinalities
        widest = (cardinalities - 1) / cardinalities
        self.bandwidths: FloatArray = np.minimum(
            np.maximum(BANDWIDTHS[bandwidth](data, cardinalities), min_bandwidth), widest
        )  # (d,)
        several = cardinalities > 1
        same = np.where(several, 1.0 - self.bandwidths, 1.0)
        other = np.where(several, self.bandwidths / np.maximum(cardinalities - 1, 1), 1.0)
        # Row offset_j + v holds the kernel of every point at option v of choice j, so that a query's kernels
        # are products of rows. (A matrix product of one-hot rows would be fewer operations, but BLAS threads
        # cost milliseconds on a busy machine.)
        self._offsets = np.concatenate([[0], np.cumsum(cardinalities)[:-1]])
        self._kernels = np.repeat(np.repeat(other, cardinalities)[:, None], len(data), axis=1)  # (D, m)
        self._kernels[(data + self._offsets).T, np.arange(len(data))] = same[:, None]

    def pdf(self, queries: IntArray) -> FloatArray:
        """Return the density ``(b,)`` at ``(b, d)`` queries; over all option combinations it sums to 1."""
        density = self._kernels[queries[:, 0]]
        for j in range(1, queries.shape[1]):
            density *= self._kernels[self._offsets[j] + queries[:, j]]
        return density.mean(axis=1)

    def sample(self, rng: np.random.Generator, size: int) -> IntArray:
        """Draw ``(size, d)`` as HpBandSter does: a point, each option kept with probability 1 − h.

        An option that is not kept is drawn uniformly from all, the old one among them. BOHB's bandwidth
        factor widens the kernels of continuous variables in this draw; it is not applied to categorical ones.
        """
        rows = self.data[rng.integers(len(self.data), size=size)]
        keep = rng.random(rows.shape) < 1.0 - self.bandwidths
        return np.where(keep, rows, rng.integers(0, self.cardinalities, size=rows.shape))


class Observations:
    """Configurations and losses in order of arrival, in arrays that double as they fill up.

    Args:
        d: length of a configuration.
    """

    def __init__(self, d: int) -> None:
        self._count = 0
        self._configurations = np.empty((16, d), dtype=np.int64)
        self._losses = np.empty(16)
        self._violations = np.empty(16)

    def add(self, configuration: IntArray, loss: float | FloatArray, violation: float = 0.0) -> None:
        """Append one configuration ``(d,)``, its loss or ``(k,)`` losses, and its violation; +∞ for a failed one."""
        if not self._count and np.ndim(loss):
            self._losses = np.empty((16, len(np.atleast_1d(loss))))
        if self._count == len(self._losses):
            self._configurations = np.concatenate([self._configurations, self._configurations])
            self._losses = np.concatenate([self._losses, self._losses])
            self._violations = np.concatenate([self._violations, self._violations])
        self._configurations[self._count], self._losses[self._count] = configuration, loss
        self._violations[self._count] = violation
        self._count += 1

    def __len__(self) -> int:
        """Return the number of observations N."""
        return self._count

    @property
    def configurations(self) -> IntArray:
        """All configurations ``(N, d)``."""
        return self._configurations[: self._count]

    @property
    def losses(self) -> FloatArray:
        """All losses, ``(N,)`` or ``(N, k)``."""
        return self._losses[: self._count]

    @property
    def violations(self) -> FloatArray:
        """By how much each breaks the constraints, ``(N,)``."""
        return self._violations[: self._count]


class GoodBadModel:
    """Two densities, of the good and of the bad configurations; their ratio ranks new ones.

    Maximising l(x) / g(x) maximises the expected improvement (Bergstra et al., 2011, "Algorithms for
    hyper-parameter optimization", NeurIPS, equation 5).

    Args:
        good: l, the density of the good configurations.
        bad: g, the density of the bad ones.
    """

    def __init__(self, good: CategoricalKDE, bad: CategoricalKDE) -> None:
        self.good, self.bad = good, bad

    @classmethod
    def fit(
        cls,
        configurations: IntArray,
        losses: FloatArray,
        cardinalities: IntArray,
        min_points: int | None = None,
        good_percent: int = 15,
        min_bandwidth: float = 1e-3,
        bandwidth: str = "normal_reference",
    ) -> GoodBadModel | None:
        """Split N observations as HpBandSter does and fit both densities.

        Good are the max(p, 15 % of N) with the smallest losses, bad the next max(p, 85 % of N) or as many
        as there are, p = ``min_points``. Equal losses keep their order of arrival.

        Args:
            configurations: ``(N, d)`` option indices.
            losses: ``(N,)``; +∞ for a failed one.
            cardinalities: ``(d,)`` numbers of options.
            min_points: p; None, and anything smaller, is d + 1.
            good_percent: percentage of good ones, 1 to 99.
            min_bandwidth: smallest bandwidth.
            bandwidth: a key of `BANDWIDTHS`.

        Returns:
            The model, or None where either part would have d points or fewer: the first fit is at
            N = 2 (d + 1).
        """
        total, d = configurations.shape
        points = max(d + 1, min_points or 0)
        n_good = max(points, good_percent * total // 100)
        n_bad = max(points, (100 - good_percent) * total // 100)
        order = np.argsort(losses, kind="stable")
        good, bad = order[:n_good], order[n_good : n_good + n_bad]
        if len(good) <= d or len(bad) <= d:
            return None
        return cls(
            CategoricalKDE(configurations[good], cardinalities, min_bandwidth, bandwidth),
            CategoricalKDE(configurations[bad], cardinalities, min_bandwidth, bandwidth),
        )

    def propose(
        self,
        rng: np.random.Generator,
        samples: int = 64,
        valid: Callable[[IntArray], NDArray[np.bool_]] | None = None,
    ) -> IntArray | None:
        """Draw from the good density and return the sample ``(d,)`` with the largest l/g.

        Args:
            rng: randomness.
            samples: number of draws.
            valid: ``(b, d)`` → ``(b,)`` bool, which draws may be returned; None: all.

        Returns:
            The best draw, the first of equals, or None where no draw is valid.
        """
        drawn = self.good.sample(rng, samples)
        if valid is not None:
            drawn = drawn[valid(drawn)]
        if not len(drawn):
            return None
        ratio = np.maximum(self.bad.pdf(drawn), _TINY) / np.maximum(self.good.pdf(drawn), _TINY)
        return drawn[int(np.argmin(ratio))]

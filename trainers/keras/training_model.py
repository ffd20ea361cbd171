"""The model that a candidate is trained as: its network with the precision and the noise of a configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...envs.spaces import Network
from ..training.communicator import Communicator
from ..training.configuration import TrainingConfiguration
from ..training.precision import policies
from .builder import Site, build_model


def training_model(
    network: Network, configuration: TrainingConfiguration, seed: int, group: Communicator
) -> tuple[Any, Any]:
    """Build a candidate's model for training.

    Its weights are those of `build_model` in number and order, so that they can be taken over into a plain model.

    Args:
        network: what is trained.
        configuration: precision, dropout and DropConnect; batch normalisation's momentum.
        seed: non-negative integer, of the initial weights and of the noise.
        group: the ranks that train together.

    Returns:
        The model and its `Noise`; None for a training without any.
    """
    plan = policies(network, configuration.precision, configuration.float32_layers)
    noise = None
    changes: list[Callable[[Site, Any], Any]] = []
    if configuration.xla:
        from .sliced_pooling import sliced

        changes.append(lambda site, layer: sliced(layer))
    if configuration.dropout or configuration.drop_connect:
        from .noise import Noise

        noise = Noise(group.rank)
        changes.append(_noisy(network, configuration, noise))

    def adapt(site: Site, layer: Any) -> Any:
        for change in changes:
            layer = change(site, layer)
        return layer

    model = build_model(
        network,
        seed=seed,
        batch_norm_momentum=configuration.batch_norm_momentum,
        policies=None if configuration.precision == "float32" else plan,
        adapt=adapt if changes else None,
    )
    return model, noise


def _noisy(network: Network, configuration: TrainingConfiguration, noise: Any) -> Any:
    """Return what puts dropout before the last dense layer, and DropConnect into every layer with a kernel."""
    from .noise import Dropout, drop_connected

    dense = [layer for layer in network.layers if layer.op == "dense"]

    def adapt(site: Site, layer: Any) -> Any:
        seed = site.derived(1000)
        if configuration.drop_connect:
            layer = drop_connected(layer, configuration.drop_connect, noise, seed)
        if configuration.dropout and dense and site.layer is dense[-1]:
            dropout = Dropout(configuration.dropout, noise, seed, name=f"{site.name}_dropout")
            return lambda x: layer(dropout(x))
        return layer

    return adapt

"""Our vector environments for Stable-Baselines3, which knows no Gymnasium vector environments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gymnasium

if TYPE_CHECKING:
    from .sb3_vec_env import SB3VecEnv


def make_sb3(id: str, num_envs: int = 1, **arguments: Any) -> SB3VecEnv:
    """Make an environment of N lanes as Stable-Baselines3 and sb3-contrib take it.

    Args:
        id: a registered id, ``PyNASCENT/<Task>-<Formulation>-v0``.
        num_envs: N, 1 or more lanes, stepped together in this process.
        arguments: further arguments of the environment (see `SearchEnv`).

    Raises:
        ModuleNotFoundError: Stable-Baselines3 is not installed.
        ValueError: an argument does not fit; a vector objective, since Stable-Baselines3 learns from one reward.

    Example:
        >>> from stable_baselines3 import PPO  # doctest: +SKIP
        >>> model = PPO("MlpPolicy", make_sb3("PyNASCENT/NASBench201-CIFAR100-Build-v0", 64))  # doctest: +SKIP
    """
    try:
        from .sb3_vec_env import SB3VecEnv
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"make_sb3 needs the package {error.name!r}: pip install stable-baselines3 (it brings torch)",
            name=error.name,
        ) from error
    vector: Any = gymnasium.make_vec(
        id, num_envs, vectorization_mode="vector_entry_point", autoreset_mode="same_step", **arguments
    )
    return SB3VecEnv(vector)

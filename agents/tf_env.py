"""The suite's environments, or any of Gymnasium's, as TF-Agents environments. Importing this imports TF-Agents."""

from .rl.tf_environment import GymnasiumEnvironment, spec_from_space

__all__ = ["GymnasiumEnvironment", "spec_from_space"]

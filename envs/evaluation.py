"""The public names of `pynascent.envs.core.evaluation`, where the documentation of 0.1 had them."""

from .core.evaluation import *  # noqa: F403

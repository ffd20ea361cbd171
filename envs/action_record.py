"""The public names of `pynascent.envs.core.action_record`, where the documentation of 0.1 had them."""

from .core.action_record import *  # noqa: F403

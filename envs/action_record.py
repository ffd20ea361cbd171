"""The public names of `pynascent.envs.adapters.action_record`, where the documentation of 0.1 had them."""

from .adapters.action_record import *  # noqa: F403

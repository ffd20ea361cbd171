"""Adapter for Stable-Baselines3, under its public name; it lives in `pynascent.envs.adapters`."""

from .adapters.sb3 import *  # noqa: F403

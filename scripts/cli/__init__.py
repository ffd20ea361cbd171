"""The command ``pynascent``."""

"""``pynascent search`` and ``pynascent explain``."""

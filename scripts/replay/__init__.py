"""``pynascent replay``."""

"""NAS-Digits: its generator and data sheet."""

"""Measures a network: explanations and their stability, cost by the profiler, pictures."""

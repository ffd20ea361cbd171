"""Watching live training: Prometheus metrics and TensorBoard logs, off unless they are asked for."""

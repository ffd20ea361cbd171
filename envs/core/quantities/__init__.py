"""Numbers and what is fixed about them: checks, fidelities, ranges of metrics, the logarithm."""

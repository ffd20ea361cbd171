"""What is asked and answered in numbers: fidelities, queries without an environment, the logarithm."""

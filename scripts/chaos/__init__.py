"""Live searches whose processes are killed at random, and what must be true afterwards."""

"""Memory of a training step: how much it needs, and what is computed again to need less."""

"""Accelerators of the decision process; each can be deleted, and is tested equal to the reference."""

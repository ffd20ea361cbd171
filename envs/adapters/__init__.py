"""Adapters for reinforcement learning libraries."""

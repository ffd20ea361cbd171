"""Agents that choose how long each candidate is trained."""

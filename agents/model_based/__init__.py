"""Agents that model the reward."""

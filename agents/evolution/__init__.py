"""Evolutionary agents."""

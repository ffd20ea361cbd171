"""Agents and helpers for several objectives."""

"""Scripted reproductions."""

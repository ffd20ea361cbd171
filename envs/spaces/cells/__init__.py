"""Cells: small graphs whose edges or vertices are operations."""

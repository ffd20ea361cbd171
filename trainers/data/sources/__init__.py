"""Data sets in files: one module for each kind of files."""

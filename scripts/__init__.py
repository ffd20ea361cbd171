"""The command line: searches, explanations, tables, listings."""

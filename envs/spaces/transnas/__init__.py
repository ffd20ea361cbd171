"""The two spaces of TransNAS-Bench-101: cells (micro), and where a network shrinks and widens (macro)."""

"""The layer graph of an architecture, and what it costs."""

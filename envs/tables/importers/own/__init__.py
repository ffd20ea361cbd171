"""One's own results: a schema, and lines of CSV or arrays."""

"""What techniques of live training save and cost, measured side by side."""

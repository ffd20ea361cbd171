"""What candidates are trained on."""

"""What a network costs where it runs."""

"""What is kept of finished work."""

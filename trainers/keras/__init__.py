"""Keras models of networks."""

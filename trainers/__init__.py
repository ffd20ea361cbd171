"""Trains candidates: Keras networks, Horovod ranks, Ray pools, and the store of what is finished."""

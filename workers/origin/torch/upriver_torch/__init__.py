"""Trains the networks of an Upriver origin in PyTorch: see workers/origin/README.md."""

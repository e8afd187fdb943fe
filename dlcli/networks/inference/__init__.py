"""Applying and measuring trained networks."""

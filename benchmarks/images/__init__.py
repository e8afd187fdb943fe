"""Benchmarks of images of more than 8 bits."""

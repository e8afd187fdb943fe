"""Searching options: the space, the study, successive halving, the learning-rate range test."""

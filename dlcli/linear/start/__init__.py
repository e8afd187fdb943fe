"""Fits that start from another one's coefficients."""

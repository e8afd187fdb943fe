"""Quantile regression: linear programs solved exactly, and standard errors."""

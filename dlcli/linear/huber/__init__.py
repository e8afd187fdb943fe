"""Huber's M-estimation: its scale, and standard errors."""

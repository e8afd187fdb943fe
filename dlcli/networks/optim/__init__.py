"""Optimizers of networks, and parameters in one stretch of memory."""

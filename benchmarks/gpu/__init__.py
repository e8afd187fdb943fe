"""The sections of cuda.py."""

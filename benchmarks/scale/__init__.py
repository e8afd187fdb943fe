"""The sections of ``scaling.py``: each measures a family of commands, and says what was wanted of it."""

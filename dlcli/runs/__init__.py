"""The run directory: names, atomic writes, reports and pictures."""

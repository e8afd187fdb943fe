"""Losses of one score for each row, element by element."""

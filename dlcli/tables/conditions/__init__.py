"""Conditions on the rows of a table, as --val-rows takes them: comparisons of columns with values."""

"""Terms of a formula: functions and products of a table's columns, learned from training rows, as columns of X."""

"""Many full-batch descents on the same rows in one batch, for searches."""

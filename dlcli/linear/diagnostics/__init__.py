"""What a linear fit may be trusted for: checks before it, verdicts and advice after it."""

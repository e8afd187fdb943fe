"""Linear models over data that stay apart."""

"""The commands that train over data that stay apart."""

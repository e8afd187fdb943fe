"""One frozen model per command: every option, its default, its bounds and its help text."""

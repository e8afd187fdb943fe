"""Reports of commands that look at images without a model."""

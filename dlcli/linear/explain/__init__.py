"""What explains a linear model."""

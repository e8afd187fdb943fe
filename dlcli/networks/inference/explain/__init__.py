"""What explains an image network."""

"""What is redrawn in place on a terminal."""

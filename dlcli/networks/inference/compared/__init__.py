"""Two networks on the same images."""

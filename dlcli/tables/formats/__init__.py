"""How a column of texts is read as numbers or dates."""

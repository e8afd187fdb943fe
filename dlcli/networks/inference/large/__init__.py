"""Images that are too large to be held as floating-point numbers: bands of rows, and what is measured on them."""

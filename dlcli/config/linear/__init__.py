"""Options of linear models that are a subject of their own: which rows measure them."""

"""A table read once or twice, and what training needs of it gathered on the way: moments by group, and rows."""

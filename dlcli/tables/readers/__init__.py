"""One reader for each kind of table file."""

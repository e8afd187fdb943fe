"""What reports of linear models say of a subject of its own."""

"""Options of training over data that stay apart."""

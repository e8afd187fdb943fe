"""Parts of reports on training over data that stay apart."""

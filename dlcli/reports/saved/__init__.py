"""Reports of commands that work on saved models, and what is read again of reports."""

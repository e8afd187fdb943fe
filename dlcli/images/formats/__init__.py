"""Image files: what they hold, read and written without losing depth or metadata."""

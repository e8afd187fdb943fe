"""Runs as one HTML page or as Markdown: what is shown, charts, templates."""

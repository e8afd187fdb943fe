"""TIFF files by tifffile: read, written page by page, and what their descriptions tell."""

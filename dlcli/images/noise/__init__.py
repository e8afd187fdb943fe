"""The noise of an image, measured from the image alone."""

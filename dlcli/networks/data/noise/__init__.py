"""The noise that a set of images to be trained on has already."""

"""From image files to sets of images and crops."""

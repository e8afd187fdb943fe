"""Measuring a network on the images that are held out of its training."""

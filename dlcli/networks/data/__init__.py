"""The images of a training run: read, split, cut into regions."""

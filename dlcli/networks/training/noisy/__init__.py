"""Training on noisy images alone: batches, and a measure without clean images."""

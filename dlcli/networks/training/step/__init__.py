"""The parts of a training step: gradient, learning rate, and what watches over memory, bad numbers and the loss."""

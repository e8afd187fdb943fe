"""What is saved and predicts: linear models."""

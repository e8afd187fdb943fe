"""What a search keeps in Optuna's storage, and who is at work on it."""

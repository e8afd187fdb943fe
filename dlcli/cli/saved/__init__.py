"""Commands that hand a saved model on."""

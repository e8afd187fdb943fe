"""Settings of the commands that hand a saved model on."""

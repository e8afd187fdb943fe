"""The reports of ``explain``, by what the model does."""

"""Pictures of what explains a model."""

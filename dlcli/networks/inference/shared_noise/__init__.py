"""Images whose noise neighbors share, as cameras leave it: how a network of white noise takes it away."""

"""What a network that restores images looks at, and what it does to noise."""

"""Training networks over clients: whom the server asks, how it puts answers together, and what a report says of it."""

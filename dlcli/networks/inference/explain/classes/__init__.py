"""What the decisions of a classifying network rest on."""

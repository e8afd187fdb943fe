"""What files have beside values: few colors, smaller levels, how much a lossy format keeps; kept where it can be."""

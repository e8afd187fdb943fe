"""One fit by several processes: each keeps its share of the rows, and process 0 leads."""

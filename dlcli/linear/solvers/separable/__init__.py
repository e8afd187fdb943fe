"""Whether classes are separable, proven by linear programs over the rows that matter."""

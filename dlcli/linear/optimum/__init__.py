"""How near parameters are to the optimum, and how well the data determine each coefficient there."""

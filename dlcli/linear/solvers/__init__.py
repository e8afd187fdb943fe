"""Solvers of linear models, and what they need to know of the optimum."""

"""Terms of formulas."""

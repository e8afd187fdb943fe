"""What image files hold, measured before anyone trains on them."""

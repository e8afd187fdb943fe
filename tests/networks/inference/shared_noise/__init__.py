"""What predict shows of its work."""

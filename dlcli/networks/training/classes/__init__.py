"""What training has of its own where images are classified."""

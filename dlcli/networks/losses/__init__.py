"""What a network's output is compared with, and how."""

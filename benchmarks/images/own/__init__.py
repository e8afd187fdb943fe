"""What denoise_your_own.py measures."""

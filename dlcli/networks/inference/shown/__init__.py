"""What predict shows of its work: how far it is, and images before and after."""

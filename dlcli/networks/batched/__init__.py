"""Many small networks of one shape, trained in one stack."""

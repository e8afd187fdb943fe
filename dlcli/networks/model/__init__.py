"""The networks, their fused kernels, and their saved form."""

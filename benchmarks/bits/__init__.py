"""What ``benchmarks/same_bits.py`` is made of: commands, their inputs, the process that runs them, the comparison."""

"""The training engine: objectives, solvers, schedules and the loop. No printing, no files."""

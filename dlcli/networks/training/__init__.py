"""Training one network: plan, batches, solver, validation, report."""

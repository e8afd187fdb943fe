"""Pictures of linear models: residuals, coefficients, curves of classes, calibration."""

"""What a fit says beyond its coefficients: covariances, tests, intervals, likelihoods."""

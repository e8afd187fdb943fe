"""What linear models minimize: least squares by moments, generalized linear models by rows."""

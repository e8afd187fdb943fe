"""Networks of convolutions and deconvolutions, from image sets to a report."""

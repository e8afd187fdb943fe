"""dlcli trains linear models and deconvolution networks by gradient descent, from one command line."""

__version__ = "0.1.0"

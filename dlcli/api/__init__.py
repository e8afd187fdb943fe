"""dlcli in Python: saved models, applied to what a program holds in memory."""

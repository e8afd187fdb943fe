"""The report of a run, its checks and its charts."""

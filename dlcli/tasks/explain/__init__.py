"""``dlcli explain``: which run is meant, and its explanation."""

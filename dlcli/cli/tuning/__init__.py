"""``dlcli tune-lr``: its command and its console."""

"""Apps for engines that train between machines, whose clients call dlcli."""

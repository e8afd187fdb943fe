"""Which rows are held out, and which fold each other one is in, by what the rows hold: conditions, groups, times."""

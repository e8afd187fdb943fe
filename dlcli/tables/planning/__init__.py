"""How the columns of a table are to be used: planned from a sample, settled by what its training rows hold."""

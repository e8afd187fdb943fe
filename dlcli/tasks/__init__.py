"""One plain function per command, callable from Python: config in, report out."""

"""How delimited text is written: encodings, delimiters, quotes, headers, uneven rows, what stands around."""

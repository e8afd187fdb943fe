"""Tables and images in, arrays out."""

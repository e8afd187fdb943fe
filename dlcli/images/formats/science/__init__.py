"""Files of telescopes, microscopes and cameras, each by the library that is made for them."""

"""Reading a 4D series a few volumes at a time: the only reader, and the only place with arrays in (z, y, x) order."""

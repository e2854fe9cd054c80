"""Images and series: the only reader, one pass with small accumulators, and the only place with arrays in (z, y, x) order."""

"""Where data come from: the simulated subjects, the cache, the real download, events files and the small study of lesson 15."""

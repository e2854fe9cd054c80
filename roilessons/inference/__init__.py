"""From a series to a claim that holds: one contrast per run, a test across runs, a correction for many voxels."""

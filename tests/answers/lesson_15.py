"""Right and typical wrong answers of lesson 15."""

import numpy as np


def answers(subject, made):
    grid = np.meshgrid(*(np.arange(n) * 4.0 + first for n, first in ((20, -36), (24, -56), (12, -18))), indexing="ij")

    def voxels(x, y, z, radius=16):
        return np.count_nonzero((grid[0] - x) ** 2 + (grid[1] - y) ** 2 + (grid[2] - z) ** 2 <= radius**2)

    spheres = [voxels(-44, 28, 6), voxels(28, 44, 6), voxels(28, -44, 6, 8), voxels(28, -44, 6, 14), 20 * 24 * 12, 268]
    return {
        "first_volume": (18, [15, 17, 19, 35, 17.5, 20]),
        "voxels_in_sphere": (voxels(28, -44, 6), spheres),
        "mixed_up_responses": ("c", ["a", "b", "d"]),
    }

"""Right and typical wrong answers of lesson 01."""

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine


def answers(subject, made):
    affine = nib.load(subject.func).affine
    back = np.linalg.inv(affine)
    exact = apply_affine(back, (-20, -44, -10))
    nearest = tuple(np.rint(exact).astype(int))
    mistakes = [
        exact,  # not rounded
        exact.astype(int),  # cut off
        np.rint(apply_affine(back, (-44, -20, -10))),  # x and y swapped
        apply_affine(affine, (-20, -44, -10)),  # not the inverse
        np.rint(apply_affine(back, (20, -44, -10))),  # the minus forgotten
        nearest[::-1],
    ]
    houses = (subject.labels["labels"] == "house").sum()
    return {
        "side_of_voxel": ("b", ["a", "c", "d"]),
        "voxel_of_place": (nearest, mistakes),
        "seconds_of_houses": (houses * 2.5, [houses, 22.5, 9, len(subject.labels) * 2.5, houses / 2.5]),
    }

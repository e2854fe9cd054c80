"""Right and typical wrong answers of lesson 06."""

import nibabel as nib
import numpy as np
from scipy import ndimage


def answers(subject, made):
    vt = np.asarray(nib.load(subject.mask_vt).dataobj) > 0
    thresholded, mask = np.asarray(made.thresholded_img.dataobj) > 0, np.asarray(made.intersected_img.dataobj) > 0
    dilated = ndimage.binary_dilation(mask)
    leaks = [
        dilated.sum(), mask.sum(), np.sum(dilated & ~vt), np.sum(dilated & vt & ~mask),
        np.sum(ndimage.binary_dilation(thresholded) & vt), np.sum(ndimage.binary_dilation(mask, iterations=2) & vt),
    ]  # fmt: skip
    return {
        "two_rounds_of_cubes": (125, [25, 27, 729, 53, 100]),
        "dilated_within_vt": (np.sum(dilated & vt), leaks),
        "largest_first": ("b", ["a", "c", "d"]),
    }

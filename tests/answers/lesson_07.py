"""Right and typical wrong answers of lesson 07."""

import nibabel as nib
import numpy as np
from scipy import ndimage

import roilessons as rl


def _sizes(img):
    return np.bincount(ndimage.label(np.asarray(img.dataobj))[0].ravel())[1:]


def answers(subject, made):
    labels = ndimage.label(np.asarray(made.intersected_img.dataobj))[0]
    rois = np.asarray(rl.label(made.intersected_img).dataobj)
    third = int(rois[labels == 3][0])
    mistaken = [int(np.sum(labels == 3)), third - 1, int(labels[rois == 3][0]), 3, int(rois.max()) + 1 - third]

    at_six = np.asarray(made.log_p_img.dataobj) >= 6
    sizes = np.bincount(ndimage.label(ndimage.binary_dilation(at_six))[0].ravel())[1:]
    in_vt = at_six & (np.asarray(nib.load(subject.mask_vt).dataobj) > 0)
    six = [
        len(sizes) + 1, len(_sizes(rl.dilate(made.thresholded_img))), ndimage.label(at_six)[1],
        ndimage.label(ndimage.binary_dilation(in_vt))[1], sizes.sum(), sizes.max(),
    ]  # fmt: skip
    return {
        "more_neighbours": ("b", ["a", "c", "d"]),
        "scipys_label_three": (third, mistaken),
        "rois_at_six": (len(sizes), six),
    }

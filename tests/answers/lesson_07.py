"""Right and typical wrong answers of lesson 07."""

import numpy as np
from scipy import ndimage

import roilessons as rl


def _sizes(img):
    return np.bincount(ndimage.label(np.asarray(img.dataobj))[0].ravel())[1:]


def answers(subject, made):
    rois, labels = np.asarray(made.labels_img.dataobj), ndimage.label(np.asarray(made.dilated_img.dataobj))[0]
    third = int(rois[labels == 3][0])
    mistaken = [int(np.sum(labels == 3)), third - 1, int(labels[rois == 3][0]), 3, int(rois.max()) + 1 - third]

    at_four = rl.threshold(made.log_p_img, 4)
    inside = rl.intersect(at_four, subject.mask_vt)
    sizes = _sizes(rl.dilate(inside))
    four = [len(sizes) + 1, int(rois.max()), len(_sizes(inside)), len(_sizes(rl.dilate(at_four))), sizes.sum(), sizes.max()]
    return {
        "more_neighbours": ("b", ["a", "c", "d"]),
        "scipys_label_three": (third, mistaken),
        "rois_at_four": (len(sizes), four),
    }

"""Right and typical wrong answers of lesson 06."""

import nibabel as nib
import numpy as np
from nilearn import image
from scipy import ndimage
from scipy.stats import ttest_ind

import roilessons as rl


def sizes_of_dilations(mask):
    """By distance: a voxel is in after n dilations if so many steps along the axes lead to the mask."""
    if not mask.any():
        return [0, 0, 0, 0]
    steps = ndimage.distance_transform_cdt(~mask, "taxicab")
    return [int(np.sum(steps <= number)) for number in range(4)]


def dilate_once(mask):
    """Each voxel's neighbours one by one."""
    grown = np.zeros(mask.shape, bool)
    for voxel in np.argwhere(mask):
        for step in (np.zeros(3, int), *np.eye(3, dtype=int), *-np.eye(3, dtype=int)):
            place = voxel + step
            if np.all(place >= 0) and np.all(place < mask.shape):
                grown[tuple(place)] = True
    return grown


def wrapped(mask):
    return np.any([mask, *(np.roll(mask, step, axis) for axis in range(3) for step in (-1, 1))], axis=0)


def copies_alone(mask):
    padded = np.pad(mask, 1)
    return np.any([np.roll(padded, step, axis) for axis in range(3) for step in (-1, 1)], axis=0)[1:-1, 1:-1, 1:-1]


def to_one_side(mask):
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :, 1:] |= mask[:, :, :-1]
    return grown


def in_place(mask):
    grown = np.pad(mask, 1)
    for axis in range(3):
        for step in (-1, 1):
            grown |= np.roll(grown, step, axis)
    return grown[1:-1, 1:-1, 1:-1]


def answers(subject, made):
    vt = np.asarray(nib.load(subject.mask_vt).dataobj) > 0
    thresholded, mask = np.asarray(made.thresholded_img.dataobj) > 0, np.asarray(made.intersected_img.dataobj) > 0
    dilated, log_p = ndimage.binary_dilation(mask), np.asarray(made.log_p_img.dataobj)
    twice = dilate_once(dilated)
    other_voxels = [
        twice.sum(), mask.sum(), np.sum(twice & ~vt), np.sum(twice & vt & ~mask),
        np.sum(dilate_once(dilate_once(thresholded)) & vt), np.sum(dilated & vt),
    ]  # fmt: skip

    third = rl.load_subject("simulated:3")
    faces, houses = (
        image.get_data(image.smooth_img(image.index_img(str(third.func), third.conditions == condition), 6))
        for condition in ("face", "house")
    )
    with np.errstate(all="ignore"):
        t, p = ttest_ind(faces, houses, axis=-1)
        of_third = (-np.log10(p) >= 5) & (np.asarray(nib.load(third.mask_vt).dataobj) > 0)

    def below_zero(mask, t, iterations=1, place=0, among=True, sign=-1):
        labels, n = ndimage.label(ndimage.binary_dilation(mask, iterations=iterations))
        order = sorted(range(1, n + 1), key=lambda number: -np.sum(labels == number))
        return np.sum((sign * t > 0) & (labels == order[place]) & among)

    largest = below_zero(of_third, t) + below_zero(of_third, t, sign=1)
    mixed = [
        below_zero(of_third, t, sign=1), largest, below_zero(of_third, t, place=1), below_zero(of_third, t, among=of_third),
        below_zero(of_third, np.asarray(rl.catch_up(third, "t_test").t_img.dataobj), iterations=2), np.sum(t[ndimage.binary_dilation(of_third)] < 0),
        below_zero(mask, np.asarray(made.t_img.dataobj)),
    ]  # fmt: skip
    return {
        "median_of_the_new": (np.median(log_p[dilated & ~mask]), [5, np.median(log_p[mask]), np.median(log_p[dilated]), 0.1]),
        "dilated_within_vt": (np.sum(twice & vt), other_voxels),
        "sizes_of_dilations": (
            sizes_of_dilations,
            [
                lambda mask: [int(ndimage.binary_dilation(mask, iterations=number).sum()) for number in range(4)],
                lambda mask: sizes_of_dilations(mask)[1:2] + sizes_of_dilations(mask)[1:],
                lambda mask: sizes_of_dilations(mask)[1:],
                lambda mask: [ndimage.binary_dilation(mask, iterations=number).sum() for number in range(1, 5)],
                lambda mask: [0] + sizes_of_dilations(mask)[1:],
            ],
        ),
        "houses_in_the_largest_piece": (below_zero(of_third, t), mixed),
        "dilate_once": (
            dilate_once,
            [
                wrapped, copies_alone, to_one_side, in_place, lambda mask: wrapped(np.pad(mask, 1)),
                lambda mask: dilate_once(dilate_once(mask)), lambda mask: mask,
            ],
        ),
    }  # fmt: skip

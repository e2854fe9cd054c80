"""Right and typical wrong answers of lesson 07."""

import nibabel as nib
import numpy as np
from nilearn import image
from scipy import ndimage
from scipy.stats import ttest_ind

import roilessons as rl


def components(mask):
    """The components by flooding: each as a list of voxels, in the order in which they are met."""
    left, found = {tuple(voxel) for voxel in np.argwhere(mask)}, []
    for start in map(tuple, np.argwhere(mask)):
        if start in left:
            left.discard(start)
            reached = [start]
            for i, j, k in reached:
                near = [(i - 1, j, k), (i + 1, j, k), (i, j - 1, k), (i, j + 1, k), (i, j, k - 1), (i, j, k + 1)]
                new = [voxel for voxel in near if voxel in left]
                left.difference_update(new)
                reached += new
            found.append(reached)
    return found


def largest_component(mask):
    largest = np.zeros(np.shape(mask), bool)
    largest[tuple(np.transpose(max(components(mask), key=len)))] = True
    return largest


def label_by_size(mask, key=lambda voxels: -len(voxels), first=1, turned=False):
    labels = np.zeros(np.shape(mask), int)
    found = components(mask)[::-1] if turned else components(mask)
    for number, voxels in enumerate(sorted(found, key=key), start=first):
        labels[tuple(np.transpose(voxels))] = number
    return labels


def by_order(mask):
    labels, n = ndimage.label(mask)
    order = sorted(range(1, n + 1), key=lambda number: -np.sum(labels == number))
    return np.array([0, *order])[labels]


def by_corner(mask):
    labels, n = ndimage.label(mask, ndimage.generate_binary_structure(3, 3))
    order = sorted(range(1, n + 1), key=lambda number: -np.sum(labels == number))
    return np.array([0, *(order.index(number) + 1 for number in range(1, n + 1))])[labels]


def with_outside(mask):
    """What lies outside is ranked, too: right as long as it is the largest."""
    labels, n = ndimage.label(mask)
    order = sorted(range(n + 1), key=lambda number: -np.sum(labels == number))
    return np.argsort(order)[labels]


def nearly_all(mask):
    labels, n = ndimage.label(mask)
    return labels == max(range(n + 1), key=lambda number: np.sum(labels == number))


def one_before(mask):
    labels, _ = ndimage.label(mask)
    return labels == np.argmax(np.bincount(labels.ravel())[1:])


def answers(subject, made):
    second = rl.load_subject("simulated:2")
    vt = np.asarray(nib.load(second.mask_vt).dataobj) > 0

    series = (
        image.get_data(image.smooth_img(image.index_img(str(second.func), second.conditions == condition), 6))
        for condition in ("cat", "bottle")
    )
    with np.errstate(all="ignore"):
        t, p = ttest_ind(*series, axis=-1)
        passed = (-np.log10(p) >= 5) & vt

    def regions(mask, t):
        """(voxels, sign of the strongest) of each, the largest first."""
        labels, n = ndimage.label(mask)
        found = []
        for number in range(1, n + 1):
            values = t[labels == number]
            found.append((len(values), np.sign(values[np.abs(values).argmax()])))
        return sorted(found, reverse=True)

    faces = rl.catch_up(second, "dilation")
    cats = regions(ndimage.binary_dilation(passed), t)
    bottles = next(size for size, sign in cats if sign < 0)
    thresholded = np.asarray(made.thresholded_img.dataobj)
    return {
        "rois_of_the_whole_head": (
            ndimage.label(ndimage.binary_dilation(thresholded))[1],
            [ndimage.label(np.asarray(made.dilated_img.dataobj))[1], ndimage.label(thresholded)[1], 1],
        ),
        "more_neighbours": ("b", ["a", "c", "d"]),
        "largest_component": (
            largest_component,
            [
                nearly_all, one_before, lambda mask: label_by_size(mask) == label_by_size(mask).max(),
                lambda mask: ndimage.label(mask)[0] == 1, lambda mask: mask,
                lambda mask: ndimage.label(mask)[0] == ndimage.label(mask)[1],
            ],
        ),
        "bottle_region": (
            bottles,
            [
                cats[0][0], cats[1][0], [size for size, _ in cats].index(bottles) + 1, sum(size for size, _ in cats),
                next(size for size, sign in regions(passed, t) if sign < 0),
                next(size for size, sign in regions(np.asarray(faces.dilated_img.dataobj), np.asarray(faces.t_img.dataobj)) if sign < 0),
            ],
        ),
        "label_by_size": (
            label_by_size,
            [
                lambda mask: ndimage.label(mask)[0], lambda mask: label_by_size(mask, key=len),
                lambda mask: label_by_size(mask, turned=True), lambda mask: label_by_size(mask, first=0), by_order, by_corner,
                with_outside,
            ],
        ),
    }  # fmt: skip

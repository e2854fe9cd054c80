"""Right and typical wrong answers of lesson 05."""

import nibabel as nib
import numpy as np
from nilearn import image
from scipy import ndimage
from scipy.stats import ttest_ind

import roilessons as rl


def voxels_on_any_grid(first_img, second_img):
    """By the places in mm: for each voxel of the first mask the nearest voxel of the second one."""
    second = np.asarray(second_img.dataobj) > 0
    places = nib.affines.apply_affine(first_img.affine, np.argwhere(np.asarray(first_img.dataobj) > 0))
    indices = nib.affines.apply_affine(np.linalg.inv(second_img.affine), places)
    return int(ndimage.map_coordinates(second.astype(float), indices.T, order=0).sum())


def by_index(first_img, second_img):
    return np.sum((image.get_data(first_img) > 0) & (image.get_data(second_img) > 0))


def by_order(first_img, second_img):
    return by_index(*(nib.as_closest_canonical(img) for img in (first_img, second_img)))


def by_fractions(first_img, second_img):
    return by_index(first_img, image.resample_to_img(second_img, first_img))


def answers(subject, made):
    log_p, vt = np.asarray(made.log_p_img.dataobj), np.asarray(nib.load(subject.mask_vt).dataobj) > 0
    keep = log_p >= 4
    planted = np.isin(np.asarray(subject.truth.dataobj), (1, 2, 3, 4))

    def dice(mask):
        return 2 * np.sum(mask & planted) / (mask.sum() + planted.sum())

    def smoothed(condition):
        return image.get_data(image.smooth_img(image.index_img(str(subject.func), subject.conditions == condition), 6))

    with np.errstate(all="ignore"):
        cats = -np.log10(ttest_ind(smoothed("cat"), smoothed("bottle"), axis=-1).pvalue) >= 5

    def pass_at(value, *contrast):
        return np.asarray(rl.t_test(subject.func, subject.labels["labels"], contrast).log_p_img.dataobj) >= value

    return {
        "dice_in_vt_at_3": (dice((log_p >= 3) & vt), [dice(log_p >= 3), dice((log_p >= 5) & vt), 0.05]),
        "voxels_in_both": (
            np.sum(keep & vt),
            [np.sum(keep), np.sum(keep | vt), np.sum(keep & ~vt), np.sum(vt), np.sum((log_p >= 5) & vt),
             float(log_p[keep & vt].sum()), np.sum(keep) + np.sum(vt)],
        ),
        "circular_mask": ("c", ["a", "b", "d"]),
        "cat_against_bottle_in_vt": (
            np.sum(cats & vt),
            [np.sum(cats), np.sum((log_p >= 5) & vt), np.sum(cats & ~vt), np.sum(pass_at(4, "cat", "bottle") & vt),
             np.sum(pass_at(3, "cat", "bottle") & vt), np.sum(pass_at(5, "face", "cat") & vt)],
        ),
        "voxels_on_any_grid": (voxels_on_any_grid, [by_index, by_order, by_fractions, lambda first, second: 0]),
    }  # fmt: skip

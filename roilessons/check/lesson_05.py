"""Exercises of lesson 05, intersection."""

import warnings

import nibabel as nib
import numpy as np
from nilearn import image

import roilessons as rl
from roilessons.check.judging import choice, function, number, recalled, recalled_if


@number(
    "a Dice, from 0 to 1",
    "Two things count: how many false voxels are removed, and how many true ones.",
    "How many of the false voxels can lie in a mask that is 2 % of the brain? And how many of the true ones?",
    otherwise="That is more than a quarter off.",
    decimals=2,
    minutes=2,
    task="predict",
    close=0.25,
)
def dice_in_vt_at_3():
    subject, made = recalled_if(lambda subject, made: subject.truth is not None)  # only the simulated one's is known
    truth_img = image.math_img("np.where(img <= 4, img, 0)", img=subject.truth)
    alone = rl.threshold(made.log_p_img, 3)
    right = rl.score(rl.intersect(alone, subject.mask_vt), truth_img).loc["all", "dice"]
    yield right, "The mask removes nearly all false voxels, and fewer of the true ones."
    yield rl.score(alone, truth_img).loc["all", "dice"], "That is the Dice at 3 without the VT mask."
    yield rl.score(made.intersected_img, truth_img).loc["all", "dice"], "That is the Dice at 5 with the VT mask."


@number(
    "a whole number of voxels",
    "Two comparisons, each an array of True and False, then np.logical_and.",
    "Compare the array of the map with 4, using >=, AND it with vt, and count the True values with np.sum.",
    otherwise="np.logical_and of two comparisons, then np.sum: which voxels are 4 or above, and which are in VT?",
    minutes=3,
)
def voxels_in_both():
    subject, made = recalled()
    log_p, vt = np.asarray(made.log_p_img.dataobj), np.asarray(nib.load(subject.mask_vt).dataobj) > 0
    keep = log_p >= 4
    yield np.sum(keep & vt), "Both conditions hold for these, and for no others."
    yield np.sum(keep), "The VT mask was forgotten, or counted too late: that is the number before the AND."
    yield np.sum(keep | vt), "That is OR: it keeps voxels that are in one of the two only. AND wants both."
    yield np.sum(keep & ~vt), "Those are the voxels that the AND removes. Count the ones that stay."
    yield np.sum(vt), "That is the whole VT mask. Which of its voxels are at or above the threshold?"
    yield np.sum((log_p >= 5) & vt), "That is with a threshold of 5. Here it is 4."
    yield log_p[keep & vt].sum(dtype=float), "That is the sum of the values. Count the voxels: add up the True and False."
    yield np.sum(keep) + np.sum(vt), "That is the sum of two counts. AND comes first, voxel by voxel, and counting last."


circular_mask = choice(
    "c",
    "Each outline is anatomy, but these data chose between them: the one in which noise helped most had the best chance.",
    "Ask of each mask: did the data that are tested play a part in choosing it?",
    "One of them was drawn without any data, but picked with them.",
    a="Another subject's data chose these voxels. Their noise says nothing about the noise that is tested.",
    b="The runs that choose and the runs that are tested are not the same ones.",
    d="It was cut out of a template. Nobody looked at the subject's data.",
    minutes=3,
)


@number(
    "a whole number of voxels",
    'rl.t_test(subject.func, subject.labels["labels"], contrast=...) has the map in its log_p_img.',
    "Then rl.threshold, then rl.intersect with subject.mask_vt. Count the voxels that are 1 with np.sum.",
    otherwise='Three steps: rl.t_test with contrast=("cat", "bottle"), rl.threshold at 5, rl.intersect with subject.mask_vt.',
    minutes=5,
    task="transfer",
)
def cat_against_bottle_in_vt():
    subject, made = recalled()
    vt = np.asarray(nib.load(subject.mask_vt).dataobj) > 0

    def log_p(*contrast):
        return np.asarray(rl.t_test(subject.func, subject.labels["labels"], contrast=contrast).log_p_img.dataobj)

    wanted, faces = log_p("cat", "bottle"), np.asarray(made.log_p_img.dataobj)
    inside, all_over = np.sum((wanted >= 5) & vt), np.sum(wanted >= 5)
    yield (
        inside,
        f"Of {all_over} voxels {inside / max(all_over, 1):.0%} lie in VT. A mask that fits one contrast need not fit another.",
    )
    yield all_over, "That is the number in the whole head. The AND is missing."
    yield np.sum((faces >= 5) & vt), "That is faces against houses. Which two conditions were asked for?"
    yield np.sum((wanted >= 5) & ~vt), "Those are the voxels that the AND removes. Count the ones that stay."
    yield np.sum((wanted >= 4) & vt), "That is with a threshold of 4. Here it is 5."
    yield np.sum((wanted >= 3) & vt), "That is with a threshold of 3. Here it is 5."
    yield np.sum((log_p("face", "cat") >= 5) & vt), "That is faces against cats. Which two conditions were asked for?"


# Masks for the repair: the same blob on four grids ------------------------------------------------------------------

_AFFINE = np.array([[-3.0, 0, 0, 27], [0, 3, 0, -30], [0, 0, 3, -30], [0, 0, 0, 1]])


def _mask_image(first_corner, size, affine=_AFFINE):
    mask = np.zeros((20, 20, 20), np.float32)
    mask[tuple(slice(start, start + length) for start, length in zip(first_corner, size, strict=True))] = 1
    return nib.Nifti1Image(mask, affine)


def _moved(by):
    """The affine of a grid that lies some voxels further along the second and third axis."""
    affine = _AFFINE.copy()
    affine[1:3, 3] += 3 * by
    return affine


def _counted(first_img, second_img):
    return int(np.sum((np.asarray(first_img.dataobj) > 0) & (np.asarray(second_img.dataobj) > 0)))


def _on_one_grid(first_img, second_img, interpolation="nearest"):
    with warnings.catch_warnings():  # nilearn warns of any other way than "nearest"
        warnings.simplefilter("ignore")
        return _counted(first_img, image.resample_to_img(second_img, first_img, interpolation=interpolation))


def _in_one_order(first_img, second_img):
    return _counted(image.reorder_img(first_img, resample="nearest"), image.reorder_img(second_img, resample="nearest"))


_FIRST, _SECOND = _mask_image((2, 5, 5), (6, 6, 6)), _mask_image((4, 6, 3), (5, 8, 4))

voxels_on_any_grid = function(
    "a function of two mask images",
    "Try it yourself: what does your function return for made.thresholded_img and turned_img? It should be what right_vt gives.",
    "One line before the arrays are taken: bring the second image to the grid of the first.",
    'image.resample_to_img(second_img, first_img, interpolation="nearest")',
    cases={
        "two masks on one grid": ((_FIRST, _SECOND), "There nothing has to be changed."),
        "a mask that is stored from left to right": (
            (_FIRST, image.reorder_img(_SECOND, resample="nearest")),
            "It is the same place in the head, so the number must be the same.",
        ),
        "a mask on a grid two voxels further on": (
            (_FIRST, _mask_image((4, 4, 1), (5, 8, 4), _moved(2))),
            "Equal indices are no equal places there.",
        ),
        "a mask on a grid that lies between the voxels": (
            (_FIRST, _mask_image((4, 6, 3), (5, 8, 4), _moved(0.3))),
            "Each voxel should be 0 or 1 after the resampling, and count once.",
        ),
    },
    value=_on_one_grid,
    why="The affines decide which voxels lie at one place, and not the indices.",
    mistakes=[
        (
            _counted,
            "It is right on one grid. A mask that is stored from left to right is counted in the other half of the brain.",
        ),
        (
            _in_one_order,
            "It is right if only the order differs. A grid that begins elsewhere is still counted at the wrong places.",
        ),
        (
            lambda first, second: _on_one_grid(first, second, "continuous"),
            "It counts voxels beside the mask, too: between the voxels the ones and zeros have become fractions above 0.",
        ),
        (lambda first, second: 0, "It returns 0 whatever the masks are."),
    ],
    otherwise="It is wrong already for two masks on one grid. Change only what the grids need.",
    minutes=6,
    task="repair",
)

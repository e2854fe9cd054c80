"""Exercises of lesson 06, dilation."""

import nibabel as nib
import numpy as np
from scipy import ndimage

import roilessons as rl
from roilessons.check.judging import function, number, recalled_if


def recalled_mask():
    """As `recalled`, for a mask of lesson 05 that is not empty."""
    return recalled_if(lambda subject, made: np.any(made.intersected_img.dataobj))


@number(
    "a -log10 p, such as 5.0",
    "Each new voxel touches a voxel at 5 or above. How fast does a smoothed map fall beside its peaks?",
    "Half of the new voxels lie above the median, half below. A p of 0.05 is a -log10 p of 1.3.",
    otherwise="That is more than a quarter off.",
    decimals=1,
    minutes=2,
    task="predict",
    close=0.25,
)
def median_of_the_new():
    _, made = recalled_mask()
    log_p, mask = np.asarray(made.log_p_img.dataobj), np.asarray(made.intersected_img.dataobj) > 0
    new = ndimage.binary_dilation(mask) & ~mask
    yield np.median(log_p[new]), "The map falls fast: one voxel further on, most of the evidence is gone."
    yield 5, "That is the threshold. All new voxels in VT are below it."
    yield np.median(log_p[mask]), "That is the median of the old voxels."
    yield np.median(log_p[mask | new]), "That is the median of old and new voxels together."


@number(
    "a whole number of voxels",
    "First dilate twice, then keep what is also in the VT mask. The order matters.",
    "An AND after the dilation takes away what lies outside: np.logical_and with vt, or rl.intersect with subject.mask_vt.",
    otherwise="Start from the mask of lesson 05, dilate it twice, and AND it with the VT mask.",
    minutes=3,
)
def dilated_within_vt():
    subject, made = recalled_mask()
    vt, thresholded, mask = (
        np.asarray(img.dataobj) > 0 for img in (nib.load(subject.mask_vt), made.thresholded_img, made.intersected_img)
    )
    dilated = ndimage.binary_dilation(mask, iterations=2)
    too_early = "You dilated before the first AND: voxels outside VT have grown into it. Start from the mask of lesson 05."
    yield np.sum(dilated & vt), "Each new voxel is two steps at most from one that passed, and in VT."
    yield np.sum(dilated), "That is the dilated mask with what lies outside VT. The AND after the dilation is missing."
    yield np.sum(mask), "That is the mask before the dilation, or you kept only what was there before."
    yield np.sum(dilated & ~vt), "These are the voxels outside VT. You want the others."
    yield np.sum(dilated & vt & ~mask), "These are the new voxels alone. Count the old ones too."
    yield np.sum(ndimage.binary_dilation(thresholded, iterations=2) & vt), too_early
    yield np.sum(ndimage.binary_dilation(mask) & vt), "That is one dilation. Do two."


# Masks for the functions ----------------------------------------------------------------------------------------------


def _mask(*voxels, shape=(6, 7, 8)):
    mask = np.zeros(shape, bool)
    for voxel in voxels:
        mask[voxel] = True
    return mask


_SINGLE = _mask((3, 3, 3))
_PAIR = _mask((2, 3, 3), (2, 3, 4))
_SCATTERED = np.random.default_rng(6).random((6, 7, 8)) < 0.05
_EDGE = _mask((0, 3, 0))
_EMPTY = _mask()


def _sizes(mask, number_of):
    """Sizes after some dilations, each of so many rounds as `number_of` has; SciPy takes 0 for "until nothing changes"."""
    return [int(ndimage.binary_dilation(mask, iterations=iterations).sum()) for iterations in number_of]


sizes_of_dilations = function(
    "a function that returns four numbers",
    "Call your function with the mask `single` of one voxel. Which of the four numbers cannot be right?",
    "Read what SciPy's documentation says of `iterations` below 1: help(ndimage.binary_dilation).",
    "For 0 dilations do not call SciPy at all: count the voxels of the mask itself.",
    cases={
        "a single voxel": ((_SINGLE,), "After 0, 1 and 2 dilations one voxel is 1, 7 and 25 voxels."),
        "some scattered voxels": ((_SCATTERED,), "With 0 dilations a mask stays as it is."),
        "an empty mask": ((_EMPTY,), "There is nothing to dilate, so there are four zeros."),
    },
    value=lambda mask: [int(np.sum(mask)), *_sizes(mask, (1, 2, 3))],
    why="For SciPy 0 means: until nothing changes any more. Nothing changes once the whole array is full.",
    mistakes=[
        (lambda mask: _sizes(mask, (0, 1, 2, 3)), "After 0 dilations your mask has more voxels than after 3."),
        (lambda mask: _sizes(mask, (1, 1, 2, 3)), "After 0 dilations your mask has as many voxels as after 1."),
        (lambda mask: _sizes(mask, (1, 2, 3)), "There are only three numbers. The one for 0 dilations is missing."),
        (
            lambda mask: _sizes(mask, (1, 2, 3, 4)),
            "These are the sizes after 1 to 4 dilations. The first should be after none.",
        ),
        (lambda mask: [0, *_sizes(mask, (1, 2, 3))], "With 0 dilations a mask does not become empty. It stays as it is."),
    ],
    otherwise="Only the first of the four numbers was wrong.",
    minutes=5,
    task="repair",
)


@number(
    "a whole number of voxels",
    'rl.catch_up(third, "intersection") has the mask as intersected_img and the map of t as t_img.',
    "Label the dilated mask with ndimage.label, count the voxels of each piece, and take the largest.",
    "With pieces == number for the largest piece: how many of t[pieces == number] are below 0?",
    otherwise="Dilate the mask of lesson 05 of simulated:3 once, label it, and count t < 0 in the largest piece.",
    minutes=7,
    task="transfer",
)
def houses_in_the_largest_piece():
    made = rl.catch_up(rl.load_subject("simulated:3"), "intersection")
    t, mask = np.asarray(made.t_img.dataobj), np.asarray(made.intersected_img.dataobj) > 0

    def pieces(iterations):
        """Each piece as a mask, the largest first."""
        labels, n = ndimage.label(ndimage.binary_dilation(mask, iterations=iterations))
        return sorted((labels == number for number in range(1, n + 1)), key=np.sum, reverse=True)

    largest, second = pieces(1)[:2]
    houses = np.sum(t[largest] < 0)
    yield (
        houses,
        f"It has {largest.sum()} voxels, so it is a mixture. In this subject one dilation is enough to join two regions.",
    )
    yield np.sum(t[largest] > 0), "Those have t > 0: they prefer faces."
    yield largest.sum(), "That is how many voxels the piece has. In how many is t below 0?"
    yield np.sum(t[second] < 0), "That is the second largest piece."
    yield np.sum(t[largest & mask] < 0), "Those are the ones that were there before the dilation. Count the new ones, too."
    yield np.sum(t[pieces(2)[0]] < 0), "That is after two dilations. Do one."
    yield np.sum(t[ndimage.binary_dilation(mask)] < 0), "Those are all in the dilated mask. Take its largest piece."
    _, of_first = recalled_mask()
    labels, _ = ndimage.label(np.asarray(of_first.dilated_img.dataobj))
    first = labels == np.bincount(labels[labels > 0]).argmax()
    yield (
        np.sum(np.asarray(of_first.t_img.dataobj)[first] < 0),
        "That is the subject of this lesson. The question is about simulated:3.",
    )


def _by_shifts(mask, steps=(-1, 1), margin=1, start=True, cut=True):
    """Dilation by shifted copies, and what comes of forgetting a part of it."""
    padded = np.pad(mask, margin)
    grown = padded.copy() if start else np.zeros_like(padded)
    for axis in (0, 1, 2):
        for step in steps:
            grown = grown | np.roll(padded, step, axis)
    return grown[1:-1, 1:-1, 1:-1] if margin and cut else grown


dilate_once = function(
    "a function of a mask",
    "Begin with np.pad(mask, 1). A copy of it is the first of the seven arrays that are joined by OR.",
    "np.roll(padded, step, axis) is a shifted copy. Two loops go through axis 0, 1, 2 and step -1, 1.",
    "np.logical_or(grown, shifted) joins two arrays. In the end cut the margin off: grown[1:-1, 1:-1, 1:-1].",
    cases={
        "a single voxel": ((_SINGLE,), "One voxel becomes seven: itself and its six neighbours by face."),
        "two voxels side by side": ((_PAIR,), "Is a voxel in, or out, if two copies reach it?"),
        "some scattered voxels": ((_SCATTERED,), "Compare it with ndimage.binary_dilation of your mask: which voxels differ?"),
        "a voxel at the edge of the array": ((_EDGE,), "Nothing may come in on the opposite side."),
        "an empty mask": ((_EMPTY,), "There is nothing to dilate, so it stays empty."),
    },
    value=ndimage.binary_dilation,
    why="A dilation is an OR of seven arrays, and nothing else.",
    mistakes=[
        (
            lambda mask: _by_shifts(mask, margin=0),
            "Voxels at the edge of the array grow out on the opposite side. In a brain that would be the other end of the head.",
        ),
        (
            lambda mask: _by_shifts(mask, cut=False),
            "The array that comes back is larger than the mask: the margin is still on it.",
        ),
        (lambda mask: _by_shifts(mask, start=False), "A lone voxel is not in its own dilation. It should stay in."),
        (lambda mask: _by_shifts(mask, steps=(1,)), "The mask grows in one direction along each axis. There are two."),
        (
            lambda mask: ndimage.binary_dilation(mask, np.ones((3, 3, 3))),
            "A single voxel becomes a cube of 27. Neighbours by edge and corner do not count. And shift the mask, not what has grown.",
        ),
        (lambda mask: ndimage.binary_dilation(mask, iterations=2), "That is two dilations. Write one."),
        (lambda mask: mask, "The mask comes back as it was."),
    ],
    otherwise="A single voxel should become seven: itself and its six neighbours by face.",
    minutes=10,
    task="write",
)

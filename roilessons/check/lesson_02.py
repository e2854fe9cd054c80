"""Exercises of lesson 02, smoothing."""

import math

import nibabel as nib
import numpy as np
from nilearn import image
from scipy import ndimage

from roilessons.check.judging import choice, function, number, the_subject

FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))  # of a Gaussian


def _run(number):
    """The series of one run: 0 is the first, -1 the last."""
    subject = the_subject()
    volumes = np.flatnonzero(subject.runs == np.unique(subject.runs)[number])
    return image.index_img(subject.func, slice(int(volumes[0]), int(volumes[-1]) + 1))


def _over_time(run_img, fwhm):
    """Standard deviation over time of each voxel, once the run is smoothed."""
    return image.get_data(image.smooth_img(run_img, fwhm)).std(axis=3)


def _in_vt():
    return image.get_data(the_subject().mask_vt) > 0


@number(
    "a factor",
    "Is the noise of two neighbouring voxels independent in a brain?",
    "What neighbours share, a mean over them cannot remove. So is the factor larger or smaller than 3.64?",
    otherwise="Neighbours share part of their noise, so a mean over them removes less of it.",
    decimals=2,
    minutes=2,
    task="predict",
)
def factor_in_the_brain():
    spread = np.random.default_rng(0).normal(size=(*nib.load(the_subject().func).shape[:3], 4)).astype(np.float32)
    made_img = image.new_img_like(the_subject().mask_vt, spread)
    independent = spread.std() / image.get_data(image.smooth_img(made_img, 6)).std()
    run_img, vt = _run(0), _in_vt()
    before, after = (np.median(_over_time(run_img, fwhm)[vt]) for fwhm in (None, 6))
    yield before / after, "Neighbours share part of their noise, and a mean over them keeps what they share."
    yield independent, "That is the factor of independent noise. A brain's neighbours have part of their noise in common."
    yield 1, "That would be so if neighbours had exactly the same noise. They share only a part of it."


@number(
    "a number of mm",
    "A narrow filter leaves noise, a wide one adds neighbours without signal. Where between them is the best?",
    "A filter finds best what looks like itself.",
    otherwise="Too narrow leaves noise, too wide adds neighbours without signal.",
    minutes=2,
    task="predict",
    close=0.25,
)
def best_filter():
    widths = np.arange(2, 25, 2)

    def best(area):  # height of the middle falls with the 3/2nd power of this share, noise with that of the width
        return widths[np.argmax((area**2 / (area**2 + widths**2)) ** 1.5 * widths**1.5)]

    yield best(8), "The filter is as wide as the area. Widths a little off are nearly as good: the curve is flat there."
    yield best(4), "That is the best for the area of 4 mm."
    yield widths[-1], "The noise is smallest there, and so is the signal."
    yield widths[0], "The signal is highest there, and so is the noise."


reason_for_a_width = choice(
    "b",
    "It follows from what you look for, it lowers the noise more than the signal, and little of the neighbour gets in.",
    "One of the answers looks at the result. Two others look at one side only: at the noise, or at the signal.",
    "Look at the curve of the area of 4 mm: what happens to signal over noise at 2, at 4 and at 12 mm?",
    a="The noise does get less. But little is left of a small area, and its neighbour of the other sign is mixed in.",
    c="It does. But up to about the width of the area the noise falls more than the signal does.",
    d="That is a choice made on the result: in noise, too, some width gives the largest t.",
)


@number(
    "a number in scanner units, with two decimals",
    "Three steps: cut out the last run with image.index_img, smooth it with 9 mm, give it to the lesson's noise.",
    "The last run starts n_volumes before the end: slice(img.shape[3] - n_volumes, img.shape[3]).",
    otherwise="Smooth the last run with fwhm=9, and give the result to the lesson's `noise`.",
    decimals=2,
    minutes=4,
    task="transfer",
)
def noise_of_last_run():
    run_img, vt = _run(-1), _in_vt()
    raw, six, nine = (_over_time(run_img, fwhm) for fwhm in (None, 6, 9))
    yield np.median(nine[vt]), "Another run, a wider filter, the same step."
    yield np.median(_over_time(_run(0), 9)[vt]), "That is the first run. Which volumes are those of the last one?"
    yield np.median(raw[vt]), "That is the run as measured. Smooth it first."
    yield np.median(six[vt]), "That is what 6 mm leaves. Here it is 9."
    yield nine[vt].mean(), "That is the mean over the voxels. The lesson's `noise` takes the median."
    yield np.median(nine), "That is over the whole grid, air and all. The lesson's `noise` looks at the VT mask."


def _smooth(volume, fwhm, voxel_mm):
    return ndimage.gaussian_filter(volume, fwhm / FWHM_PER_SIGMA / voxel_mm)


def _point(*shape):
    volume = np.zeros(shape)
    volume[tuple(n // 2 for n in shape)] = 100
    return volume


_STEPS = np.cumsum(np.ones((12, 11, 10)), axis=0) ** 2

smooth_volume = function(
    "a function that takes a volume, a FWHM in mm and the size of a voxel, and returns a volume",
    "Give it the lesson's spike of 100 with 6 mm, and compare with what the lesson got.",
    "SciPy takes sigma, in voxels. What is fwhm / voxel_mm: a FWHM or a sigma?",
    cases={
        "a point of 100, smoothed by 6 mm": ((_point(21, 21, 21), 6.0, np.array([3.5, 3.75, 3.75])), "Compare with the lesson's spike."),
        "flat voxels": ((_STEPS, 8.0, np.array([2.0, 2.0, 4.0])), "The size of a voxel may differ from axis to axis."),
        "large voxels and a narrow filter": ((_STEPS, 3.0, np.array([4.0, 4.0, 4.0])), "From mm to voxels one divides by the size."),
    },
    value=_smooth,
    why="From FWHM to sigma, then from millimetres to voxels: SciPy wants sigma in voxels.",
    mistakes=[
        (
            lambda volume, fwhm, voxel_mm: ndimage.gaussian_filter(volume, fwhm / voxel_mm),
            "A point of 100, smoothed by 6 mm, keeps far less than the lesson's 18.9: the result is more than twice as wide as it should be.",
        ),
        (
            lambda volume, fwhm, voxel_mm: ndimage.gaussian_filter(volume, fwhm / FWHM_PER_SIGMA),
            "That is sigma in millimetres. SciPy counts in voxels.",
        ),
        (
            lambda volume, fwhm, voxel_mm: ndimage.gaussian_filter(volume, fwhm * FWHM_PER_SIGMA / voxel_mm),
            "FWHM is the larger of the two measures, so sigma comes from it by dividing.",
        ),
        (
            lambda volume, fwhm, voxel_mm: ndimage.gaussian_filter(volume, fwhm / FWHM_PER_SIGMA * voxel_mm),
            "From millimetres to voxels one divides by the size of a voxel.",
        ),
    ],
    otherwise="Sigma in mm is the FWHM divided by the lesson's fwhm_per_sigma. How many voxels is it?",
    minutes=4,
    task="repair",
)


def _smooth_row(values):
    padded = np.concatenate([[0], values, [0]])
    return padded[:-2] / 4 + padded[1:-1] / 2 + padded[2:] / 4


def _in_place(values):
    values = np.array(values, float)
    for place in range(len(values)):
        left = values[place - 1] if place else 0
        right = values[place + 1] if place + 1 < len(values) else 0
        values[place] = left / 4 + values[place] / 2 + right / 4
    return values


def _ends_left_out(values):
    smoothed = np.array(values, float)
    smoothed[1:-1] = _smooth_row(values)[1:-1]
    return smoothed


smooth_row = function(
    "a function that takes a row of values, and returns a row of as many",
    "Write down what [0, 100, 0] becomes, then [100, 0, 0]. Start from an array of halves: smoothed = values / 2.",
    "values[:-1] are the left neighbours of all but the first value: smoothed[1:] += values[:-1] / 4. And the right ones?",
    cases={
        "a spike in the middle": (np.array([0.0, 0.0, 100.0, 0.0, 0.0]), "Half stays, a quarter goes to either side."),
        "a spike at either end": (np.array([40.0, 0.0, 0.0, 0.0, 80.0]), "What goes beyond the end is lost, and nothing comes from there."),
        "whole numbers": (np.array([1, 2, 4, 8, 16, 31]), "Half of 1 is 0.5: an array of whole numbers cannot hold it."),
        "one value": (np.array([10.0]), "It has no neighbours, so half of it is left."),
    },
    value=_smooth_row,
    why="A weighted mean of neighbours: that is all that a filter does.",
    mistakes=[
        (_in_place, "Neighbours that are smoothed already go into the mean. Take them from the values as they were."),
        (
            lambda values: np.roll(values, 1) / 4 + values / 2 + np.roll(values, -1) / 4,
            "What leaves the row at one end comes in at the other. Beyond the ends everything counts as 0.",
        ),
        (lambda values: _smooth_row(values) * 2, "The weights add up to 2. They are a half and two quarters."),
        (
            lambda values: np.convolve(values, np.ones(3) / 3)[1:-1],
            "That gives all three the same weight. The middle one has a half, its neighbours a quarter each.",
        ),
        (_ends_left_out, "The first and the last value are as before. They lose half, too, and have one neighbour."),
    ],
    otherwise="Half of each value, a quarter of its left neighbour, a quarter of its right one.",
    minutes=7,
)

"""Exercises of lesson 00, start here."""

import nibabel as nib
import numpy as np
from nilearn import image

from roilessons.check.judging import choice, function, number, recalled, recalled_if


def _with_rois(step="components"):
    """The subject whose regions the lesson shows, and what was made of it."""
    return recalled_if(lambda subject, made: np.any(made.labels_img.dataobj), step)


@number(
    "a whole number of voxels",
    "Many voxels of the four large regions are far above 5, most others are not.",
    "Drag the slider and read the count.",
    otherwise="Drag the slider to 10 and read the count below the picture.",
    minutes=2,
    task="predict",
)
def voxels_at_10():
    log_p = image.get_data(recalled("simulated")[1].log_p_img)  # as the lesson's explorer, whatever the class has
    yield np.sum(log_p >= 10), "From 5 to 10 the threshold on p becomes 100,000 times as strict, and yet so many pass."
    yield np.sum(log_p >= 5), "So many are there at 5. A higher threshold keeps fewer."
    yield 0, "A p of 10⁻¹⁰ is rare where nothing differs. Where something does, it is not."


@number(
    "a factor",
    "Do two voxels side by side have independent noise?",
    "If not, a mean over many of them gains less than the square root of their number.",
    otherwise="Independent noise would give the square root of the number of voxels; shared noise does not cancel.",
    decimals=1,
    minutes=2,
    task="predict",
)
def factor_of_mean():
    subject, made = _with_rois()
    conditions, runs = subject.conditions, subject.runs
    first = conditions[runs == runs[0]]
    inside = image.get_data(made.labels_img) == 1
    voxels = nib.load(subject.func).dataobj[..., : len(first)][inside]
    percent = 100 * (voxels.T / voxels[:, first == "rest"].mean(axis=1) - 1)[first == "rest"]
    yield percent.std(axis=0).mean() / percent.mean(axis=1).std(), "Voxels share part of their noise, and a mean keeps what they share."
    yield np.sqrt(inside.sum()), "That would be so if the noise of the voxels were independent."
    yield inside.sum(), "That is how many voxels there are. Even independent noise gives only the square root of it."
    yield 1, "That would be so if all voxels had exactly the same noise."


enough_for_the_mean = choice(
    "b",
    "This is a question about the region as a whole. The others need the single voxels, or something outside the region.",
    "The mean is one number per volume. What does it no longer know?",
    "It knows nothing of differences between the voxels of the region, and nothing of what is outside. Which question needs neither?",
    a="Single voxels cannot be told apart in a mean: all of them went into one number.",
    c="A mean can rise although some voxels do not. It cannot say which.",
    d="The mean is as good as the outline. It cannot say whether the outline is right.",
)


@number(
    "per cent against rest, with two decimals",
    "The table percent_of_rest has a row for each condition; the lesson printed only two of them.",
    'The row is "cat" and the column "ROI 1": percent_of_rest.loc["cat", "ROI 1"].',
    otherwise="Read it from the table percent_of_rest, as the example reads another number: which row, and which column?",
    decimals=2,
    task="transfer",
)
def rise_for_cats():
    signals = _with_rois("signals")[1].signals
    means = signals.groupby("condition").mean(numeric_only=True)
    percent = 100 * (means / means.loc["rest"] - 1)
    value = percent.loc["cat", "ROI 1"]
    low, high = sorted(percent.loc[["face", "house"], "ROI 1"])
    yield value, "Cats have faces, too: the region lies between its two extremes." if low < value < high else "Cats need not lie between faces and houses."
    yield percent.loc["face", "ROI 1"], "That is how far it rises for faces. Take the row of cats."
    yield percent.loc["bottle", "ROI 1"], "That is the row of bottles. Take the row of cats."
    yield tuple(percent.loc["cat"].filter(like="ROI").iloc[1:]), "That is another region. Take the column of ROI 1."
    yield means.loc["cat", "ROI 1"], "That is the signal in scanner units. Take it from percent_of_rest."
    yield value / 100, "That is a share. In per cent it is a hundred times as much."


def _against_rest(values, conditions):
    return 100 * (values / values[conditions == "rest"].mean() - 1)


_CONDITIONS = np.array(["rest", "face", "rest", "house", "rest"])

percent_against_rest = function(
    "a function that takes an array of values and an array of conditions, and returns an array",
    "Call it with values that are all equal. What should it give, and what does it give?",
    "A value that is as large as the mean at rest is 0 % above it, not 100 %. What has to be subtracted, and before or after the 100?",
    cases={
        "one face and one house": ((np.array([98.0, 104.4, 100.0, 99.3, 102.0]), _CONDITIONS), "Compare with the mean at rest."),
        "values that never change": (
            (np.array([50.0, 50.0, 50.0]), np.array(["face", "rest", "house"])),
            "Every value equals the mean at rest, so each is 0 % above it.",
        ),
        "whole numbers": ((np.array([400, 412, 396, 392, 403]), _CONDITIONS), "The mean need not be a whole number."),
    },
    value=_against_rest,
    why="A change is what is left when rest is taken away.",
    mistakes=[
        (
            lambda values, conditions: 100 * values / values[conditions == "rest"].mean(),
            "For values that never change it gives 100 everywhere. They do not lie above rest at all.",
        ),
        (lambda values, conditions: _against_rest(values, conditions) / 100, "Those are shares: 0.04, where 4 % is asked for."),
        (
            lambda values, conditions: 100 * (values / values.mean() - 1),
            "That compares with the mean of all volumes. The comparison is with rest.",
        ),
        (
            lambda values, conditions: values - values[conditions == "rest"].mean(),
            "Those are differences in scanner units. How many per cent of rest are they?",
        ),
        (lambda values, conditions: 100 * values / values[conditions == "rest"].mean() - 1, "That subtracts 1 %. Where does the 1 belong?"),
    ],
    otherwise="Divide each value by the mean at rest. How far above 1 is it, in per cent?",
    minutes=5,
    task="repair",
)

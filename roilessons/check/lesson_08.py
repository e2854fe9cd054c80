"""Exercises of lesson 08, ROI signals."""

import math

import numpy as np
from scipy import ndimage

from roilessons.check.judging import Right, Wrong, choice, exercise, number
from roilessons.check.lesson_07 import recalled_rois


@exercise(
    "one of the letters 'a', 'b', 'c', 'd'",
    "How many labels are there, the background left out? So how many columns?",
    "Write the labels that are there in a row, from small to large, and count the columns from 0 under them.",
)
def labels_with_a_gap(answer):
    return {
        "a": Wrong("Column 0 would then be the background, and the table has no column for that."),
        "b": Wrong("Column = label - 1 holds as long as no label is missing. Is there a label 3 here?"),
        "c": Right("Columns follow the labels that are there, in their order. region_ids_ says which is which."),
        "d": Wrong("A masker does not mind gaps: it makes a column for every label it meets."),
    }[choice(answer)]


@exercise(
    "the number of a column, from 0",
    "The picture is labels == second_label. Which number is second_label?",
    "Mean of smoothed[second_picture] over voxels, then: which column of X is equal to it?",
)
def column_of_second_picture(answer):
    labels, sizes, order = _script()
    second = order[1] + 1
    answer = number(answer)
    if answer == second - 1:
        return Right("The script draws by label and plots by position. The two agree only if the largest come first.")
    if answer == 1:
        return Wrong("That is the column that the script plots. Is it the mean of the voxels that it draws?")
    if answer == second:
        return Wrong("That is the label. Columns are counted from 0, and the background has none.")
    if answer == 2:
        return Wrong("Second largest is a rank. The columns are in the order of SciPy's labels, not of size.")
    if answer == sizes[order[1]]:
        return Wrong("That is how many voxels are drawn. Which column is their mean?")
    return Wrong("Compute the mean signal of the drawn voxels, and its largest difference to every column of X.")


@exercise(
    "the number of an ROI, 1 or more",
    "Two tables hold the same signals in different orders: X and ours. Find second_plot in ours.",
    "second_plot is the mean over SciPy's label 2. Which number do these voxels have in `rois`?",
)
def roi_in_second_plot(answer):
    labels, sizes, order = _script()
    right = int(np.flatnonzero(order == 1)[0]) + 1
    answer = number(answer)
    if answer == right:
        return Right(f"The plot below the second picture is that of {sizes[1]} voxels somewhere else, and nothing in it tells.")
    if answer == right - 1:
        return Wrong("One too low: that is the column in our table. Columns count from 0, ROIs from 1.")
    if answer == 2:
        return Wrong("That ROI is in the picture. The question is what is in the plot.")
    if answer == order[1] + 1:
        return Wrong("That is SciPy's label of the region in the picture. You want our number of the region in the plot.")
    if answer == sizes[1]:
        return Wrong("That is how many voxels it has. Which of our ROIs has this size?")
    return Wrong("Compare second_plot with every column of `table`, whose column c is ROI c + 1.")


@exercise(
    "a number, in per cent",
    "The table `percent` has it, volume by volume: choose the rows of one condition and one column.",
    'percent.loc[percent["condition"] == ..., ...] and then the mean.',
)
def house_in_roi_2(answer):
    answer = number(answer)
    values = means_of_roi_2()

    def near(name):
        return math.isclose(answer, values[name], rel_tol=2e-3, abs_tol=1e-3)

    if near("right") or answer == round(values["right"], 2):
        return Right("The run's own rest is the yardstick, so neither the scanner's unit nor the runs' offsets are in it.")
    if near("median") or answer == round(values["median"], 2):
        return Wrong("That is the median, as in the table below the box plots. Here the mean is wanted.")
    if near("fraction"):
        return Wrong("That is the change as a fraction of 1. Per cent is a hundred times as much.")
    if near("units"):
        return Wrong("That is the mean in scanner units. `percent` holds the change.")
    if near("change in units"):
        return Wrong("That is the change in scanner units. Divide by rest.")
    if near("face"):
        return Wrong("That is faces. Which condition was asked for?")
    if near("ROI 1"):
        return Wrong("That is ROI 1. Mind the name of the column.")
    if near("one rest"):
        return Wrong("You took one rest for all runs. Each run is measured against its own.")
    if near("minus face"):
        return Wrong("That is house minus face. Against rest was the question.")
    return Wrong("Choose the rows with condition 'house' in `percent`, the column 'ROI 2', and take the mean.")


def means_of_roi_2():
    """The right answer of `house_in_roi_2` and those of typical mistakes."""
    _, made = recalled_rois()
    signals = made.signals
    rest = signals[signals["condition"] == "rest"]
    names = ["ROI 1", "ROI 2"]
    own_rest = rest.groupby("run")[names].mean().loc[signals["run"]].to_numpy()
    changes = (100 * (signals[names] / own_rest - 1)).groupby(signals["condition"])
    means = changes.mean()
    units = signals.groupby("condition")["ROI 2"].mean()
    return {
        "right": means.loc["house", "ROI 2"],
        "median": changes.median().loc["house", "ROI 2"],
        "fraction": means.loc["house", "ROI 2"] / 100,
        "units": units["house"],
        "change in units": units["house"] - units["rest"],
        "face": means.loc["face", "ROI 2"],
        "ROI 1": means.loc["house", "ROI 1"],
        "one rest": 100 * (units["house"] / rest["ROI 2"].head(108).mean() - 1),
        "minus face": means.loc["house", "ROI 2"] - means.loc["face", "ROI 2"],
    }


def _script():
    """What the script of the lesson has: SciPy's labels, their sizes, and the order of these from the largest."""
    _, made = recalled_rois()
    labels, _ = ndimage.label(np.asarray(made.dilated_img.dataobj))
    sizes = np.bincount(labels.ravel())[1:]
    return labels, sizes, np.argsort(-sizes, kind="stable")

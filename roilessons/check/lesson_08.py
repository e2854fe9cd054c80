"""Exercises of lesson 08, ROI signals."""

import numpy as np

from roilessons.check.judging import choice, number
from roilessons.check.lesson_07 import by_size, recalled_rois, sizes_of

labels_with_a_gap = choice(
    "c",
    "Columns follow the labels that are there, in their order. region_ids_ says which is which.",
    "How many labels are there, the background left out? So how many columns?",
    "Write the labels that are there in a row, from small to large, and count the columns from 0 under them.",
    a="Column 0 would then be the background, and the table has no column for that.",
    b="Column = label - 1 holds as long as no label is missing. Is there a label 3 here?",
    d="A masker does not mind gaps: it makes a column for every label it meets.",
)


def drawn_second(sizes):
    """SciPy's label of the region that the script draws second; of two of the same size it takes the higher label first."""
    return int(np.argsort(sizes, kind="stable")[::-1][1]) + 1


@number(
    "the number of a column, from 0",
    "The picture is labels == second_label. Which number is second_label?",
    "Mean of smoothed[second_picture] over voxels, then: which column of X is equal to it?",
    otherwise="Compute the mean signal of the drawn voxels, and its largest difference to every column of X.",
)
def column_of_second_picture():
    sizes = sizes_of(recalled_rois()[1].dilated_img)
    second = drawn_second(sizes)
    yield (
        second - 1,
        "The script draws by label and plots by position. The two agree only if the regions drawn have the first labels, in this order.",
    )
    yield 1, "That is the column that the script plots. Is it the mean of the voxels that it draws?"
    yield second, "That is the label. Columns are counted from 0, and the background has none."
    yield 2, "Second largest is a rank. The columns are in the order of SciPy's labels, not of size."
    yield sizes[second - 1], "That is how many voxels are drawn. Which column is their mean?"


@number(
    "the number of an ROI, 1 or more",
    "Two tables hold the same signals in different orders: X and ours. Find second_plot in ours.",
    "second_plot is the mean over SciPy's label 2. Which number do these voxels have in `rois`?",
    otherwise="Compare second_plot with every column of `table`, whose column c is ROI c + 1.",
)
def roi_in_second_plot():
    sizes = sizes_of(recalled_rois()[1].dilated_img)
    labels, second = by_size(sizes).tolist(), drawn_second(sizes)
    right = labels.index(2) + 1
    why = f"The plot below the second picture is that of {sizes[1]} voxels somewhere else, and nothing in it tells."
    yield right, why if second != 2 else "On this subject the plot belongs to the picture, by luck: the script does not look."
    yield right - 1, "One too low: that is the column in our table. Columns count from 0, ROIs from 1."
    yield labels.index(second) + 1, "That ROI is in the picture. The question is what is in the plot."
    yield second, "That is SciPy's label of the region in the picture. You want our number of the region in the plot."
    yield sizes[1], "That is how many voxels it has. Which of our ROIs has this size?"


@number(
    "a number, in per cent",
    "The table `percent` has it, volume by volume: choose the rows of one condition and one column.",
    'percent.loc[percent["condition"] == ..., ...] and then the mean.',
    otherwise="Choose the rows with condition 'house' in `percent`, the column 'ROI 2', and take the mean, not the median.",
    decimals=2,
)
def house_in_roi_2():
    signals = recalled_rois()[1].signals.set_index("condition")
    both = signals[["ROI 1", "ROI 2"]]
    rest = both.loc["rest"]
    baseline = rest.groupby(signals.loc["rest", "run"]).mean().loc[signals["run"]].to_numpy()
    percent = (100 * (both / baseline - 1)).groupby("condition")
    mean, units = percent.mean(), both.groupby("condition").mean()["ROI 2"]
    house, face = mean.loc["house", "ROI 2"], mean.loc["face", "ROI 2"]
    first_rest = rest["ROI 2"].head(len(both.loc["house"])).mean()  # what comes of taking as many volumes of rest as of houses
    yield house, "The run's own rest is the yardstick, so neither the scanner's unit nor the runs' offsets are in it."
    yield house / 100, "That is the change as a fraction of 1. Per cent is a hundred times as much."
    yield units["house"], "That is the mean in scanner units. `percent` holds the change."
    yield units["house"] - units["rest"], "That is the change in scanner units. Divide by rest."
    yield face, "That is faces. Which condition was asked for?"
    yield mean.loc["house", "ROI 1"], "That is ROI 1. Mind the name of the column."
    yield 100 * (units["house"] / first_rest - 1), "You took one rest for all runs. Each run is measured against its own."
    yield house - face, "That is house minus face. Against rest was the question."

"""Exercises of lesson 08, ROI signals."""

import numpy as np

import roilessons as rl
from roilessons.check.judging import choice, function, number
from roilessons.check.lesson_07 import recalled_rois


@number(
    "a number, in per cent",
    "Chairs are objects like houses, and stand in rooms. Would a region that prefers houses treat them as houses, as faces, or as something between?",
    "Look at the second panel of the box plots in the explorer: where do the chairs stand between faces and houses?",
    otherwise="That is more than a quarter off.",
    decimals=2,
    minutes=2,
    task="predict",
    close=0.25,
)
def chairs_in_roi_2():
    signals = recalled_rois("signals")[1].signals
    roi_2 = signals.set_index("run")["ROI 2"]
    rest = signals[signals["condition"] == "rest"].groupby("run")["ROI 2"].mean()
    percent = (100 * (roi_2 / rest.loc[roi_2.index] - 1)).to_numpy()
    means = {name: percent[signals["condition"] == name].mean() for name in ("chair", "face", "house")}
    yield means["chair"], "A region that prefers houses still responds to other things."
    yield means["face"], "That is the number for faces."
    yield means["house"], "That is the number for houses."


labels_with_a_gap = choice(
    "c",
    "Columns follow the labels that are there, in their order. region_ids_ says which is which.",
    "How many labels are there, the background left out? So how many columns?",
    "Write the labels that are there in a row, from small to large, and count the columns from 0 under them.",
    a="Column 0 would then be the background, and the table has no column for that.",
    b="Column = label - 1 holds as long as no label is missing. Is there a label 3 here?",
    d="A masker does not mind gaps: it makes a column for every label it meets.",
    minutes=2,
)


# Labels and series for the functions ----------------------------------------------------------------------------------


def _labels(**sizes):
    """Labels of regions in the order given, by name and number of voxels: r2=27 is label 2 in 27 voxels."""
    numbers = [int(name[1:]) for name, size in sizes.items() for _ in range(size)]
    return np.array(numbers + [0] * (120 - len(numbers))).reshape(4, 5, 6)


def _data(dtype=float):
    """A series on the grid of the labels: 7 volumes around 400."""
    return np.random.default_rng(8).normal(400, 30, (4, 5, 6, 7)).astype(dtype)


_BY_SIZE, _BY_PLACE, _GAP = _labels(r1=27, r2=9, r3=4), _labels(r1=4, r2=9, r3=27), _labels(r2=27, r3=9, r5=4)


def _means(data, labels, numbers=None, mean=np.mean):
    numbers = np.unique(labels[labels > 0]) if numbers is None else numbers
    return np.stack([mean(data[labels == number], axis=0) for number in numbers], axis=1)


def _over_volumes(data, labels):
    return np.array([data[labels == number].mean() for number in np.unique(labels[labels > 0])])


roi_means = function(
    "a function of a series and its labels",
    "data[labels == number] has one row per voxel of that ROI, and one column per volume.",
    "np.unique(labels) lists the labels that are there. Leave 0 out. The mean over voxels is .mean(axis=0).",
    "Collect the means in a list, and make the array with np.stack(columns, axis=1).",
    cases={
        "three ROIs": ((_data(), _BY_SIZE), "Compare it with a NiftiLabelsMasker."),
        "ROIs that are not ordered by size": ((_data(), _BY_PLACE), "The columns go by label, and not by size."),
        "labels with a gap": ((_data(), _GAP), "There is one column for each label that is there, and none for a missing one."),
        "a single ROI": ((_data(), _labels(r1=9)), "That is an array with one column, of shape (volumes, 1)."),
        "a series of whole numbers": ((_data(np.int16), _BY_SIZE), "The means are no whole numbers."),
    },
    value=_means,
    why="One row per volume, one column per label that is there: that is all a masker does.",
    mistakes=[
        (lambda data, labels: _means(data, labels).T, "There is one row per ROI. Turn the array: one row per volume."),
        (
            lambda data, labels: _means(data, labels, np.unique(labels)),
            "There is one column too many, the first: the background, label 0, is no ROI.",
        ),
        (lambda data, labels: _means(data, labels, mean=np.sum), "The values are sums: they grow with the size of the ROI."),
        (
            lambda data, labels: _means(data, labels, mean=np.median),
            "The values are medians of the voxels. The masker takes means.",
        ),
        (_over_volumes, "There is one number per ROI. Each volume should have one of its own."),
        (
            lambda data, labels: _means(
                data, labels, sorted(np.unique(labels[labels > 0]), key=lambda number: -np.sum(labels == number))
            ),
            "The columns are ordered by size. They should be in the order of the labels.",
        ),
        (
            lambda data, labels: _means(data, labels, range(1, len(np.unique(labels[labels > 0])) + 1), mean=_or_nan),
            "With a label missing, one column is empty, and the last ROI has none. Go through the labels that are there.",
        ),
        (
            lambda data, labels: _means(data, labels, range(1, labels.max() + 1), mean=_or_nan),
            "With a label missing, there is a column for it all the same. Go through the labels that are there.",
        ),
    ],
    otherwise="For each label, take data[labels == number] and its mean over the voxels, one number per volume.",
    minutes=8,
    task="write",
)


def _or_nan(voxels, axis):
    """The mean over voxels, and NaN where there is none, without a warning."""
    return voxels.mean(axis=axis) if len(voxels) else np.full(voxels.shape[1], np.nan)


def _two_largest(labels):
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.argsort(-sizes, kind="stable")[:2]


def _by_name(labels, table):
    return table[:, np.searchsorted(np.unique(labels[labels > 0]), _two_largest(labels))]


def _table(labels):
    return labels, _means(_data(), labels)


signals_of_two_largest = function(
    "a function of labels and a table",
    "Which two labels are drawn, and which two columns are plotted? Print both for a label image that is not ordered by size.",
    "Find the column of a label by its place among the labels that are there: np.unique(labels[labels > 0]).",
    "in_table = np.unique(labels[labels > 0]).tolist(), and then in_table.index(largest) is the column of the largest.",
    cases={
        "labels that are ordered by size": (_table(_BY_SIZE), "Columns 0 and 1 are the right ones there."),
        "labels in the order of the scan": (
            _table(_BY_PLACE),
            "The first column belongs to the first label, whatever its size.",
        ),
        "labels with a gap": (_table(_GAP), "Column = label - 1 holds only as long as no label is missing."),
    },
    value=_by_name,
    why="Drawn by label, plotted by label. Now picture and plot belong together.",
    mistakes=[
        (
            lambda labels, table: table[:, :2],
            "It is right for labels that are ordered by size. In any other order the plots show other regions than the pictures.",
        ),
        (
            lambda labels, table: table[:, _two_largest(labels) - 1],
            "It is right as long as no label is missing. With labels 2, 3 and 5 the plots show other regions than the pictures.",
        ),
        (
            lambda labels, table: _by_name(labels, table)[:, ::-1],
            "The two columns are in the wrong order: the largest comes first.",
        ),
        (lambda labels, table: _by_name(labels, table).T, "There is one row per region. Return one row per volume."),
    ],
    otherwise="It should have two columns of the table: of the largest region, then of the second largest.",
    minutes=6,
    task="repair",
)


@number(
    "a number, in scanner units",
    "One call per step: rl.load_subject, rl.t_test, rl.threshold, rl.intersect, rl.dilate, rl.label, rl.signals.",
    "rl.t_test returns two images: t_img, log_p_img = rl.t_test(...). The threshold is applied to log_p_img.",
    'second_signals.groupby("condition")["ROI 1"].mean() has the mean of each condition. Subtract houses from faces.',
    otherwise="Go through the steps once more, and print how many voxels are left after each.",
    decimals=2,
    minutes=15,
    task="transfer",
)
def alone_from_series_to_signals():
    second = rl.load_subject("simulated:2")
    log_p_img = rl.t_test(second.func, second.labels["labels"]).log_p_img
    blocks_img, design = rl.block_means(second.func, second.labels)  # all blocks have the same length
    blocks, is_face = np.asarray(blocks_img.dataobj), (design["condition"] == "face").to_numpy()
    contrast = blocks[..., is_face].mean(axis=-1, dtype=float) - blocks[..., ~is_face].mean(axis=-1, dtype=float)

    def difference(roi=1, threshold=5, iterations=1, order=("and", "dilate")):
        """Face minus house in an ROI, with the steps after the threshold in some order."""
        mask_img = rl.threshold(log_p_img, threshold)
        for step in order:
            mask_img = rl.intersect(mask_img, second.mask_vt) if step == "and" else rl.dilate(mask_img, iterations)
        return contrast[np.asarray(rl.label(mask_img).dataobj) == roi].mean()

    of_first = recalled_rois("signals")[1].signals.groupby("condition")["ROI 1"].mean()
    right = difference()
    yield right, "It is negative: the largest ROI of this subject prefers houses. And you went the whole way alone."
    yield -right, "The sign is turned: that is houses minus faces."
    yield difference(roi=2), "That is ROI 2. Is your label image ordered by size?"
    yield of_first["face"] - of_first["house"], "That is the subject of this lesson. The question is about simulated:2."
    yield difference(order=["and"]), "The dilation is missing."
    yield difference(iterations=2), "That is with two dilations. Do one."
    yield difference(order=["dilate"]), "The VT mask is missing."
    yield difference(order=("dilate", "and")), "You dilated before the AND. The AND comes first."
    yield difference(threshold=4), "That is with a threshold of 4. Here it is 5."
    yield difference(threshold=3), "That is with a threshold of 3. Here it is 5."

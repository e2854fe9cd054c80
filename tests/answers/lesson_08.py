"""Right and typical wrong answers of lesson 08."""

import numpy as np
from scipy import ndimage


def answers(subject, made):
    rois, (labels, _) = np.asarray(made.labels_img.dataobj), ndimage.label(np.asarray(made.dilated_img.dataobj))
    by_size = sorted((int(np.sum(labels == label)), label) for label in range(1, labels.max() + 1))
    second = by_size[-2][1]  # SciPy's label of the region that the script draws second
    plotted = int(rois[labels == 2][0])  # our number of the region that it plots second
    columns = [1, second, 2, int(np.sum(labels == second))]
    regions = [plotted - 1, int(rois[labels == second][0]), second, int(np.sum(labels == 2))]

    signals = made.signals
    house, face, rest = (signals[signals["condition"] == name] for name in ("house", "face", "rest"))
    own_rest = rest.groupby("run")[["ROI 1", "ROI 2"]].mean()

    def change(volumes, roi):
        return np.mean(100 * (volumes[roi].to_numpy() / own_rest[roi].loc[volumes["run"]].to_numpy() - 1))

    right = change(house, "ROI 2")
    wrong = [right / 100, house["ROI 2"].mean(), house["ROI 2"].mean() - rest["ROI 2"].mean(), change(face, "ROI 2"),
             right - change(face, "ROI 2"), change(house, "ROI 1"), 100 * (house["ROI 2"].mean() / rest["ROI 2"].head(108).mean() - 1),
             np.median(100 * (house["ROI 2"].to_numpy() / own_rest["ROI 2"].loc[house["run"]].to_numpy() - 1))]  # fmt: skip
    return {
        "labels_with_a_gap": ("c", ["a", "b", "d"]),
        "column_of_second_picture": (second - 1, columns),
        "roi_in_second_plot": (plotted, regions),
        "house_in_roi_2": (right, wrong),
    }

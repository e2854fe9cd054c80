"""Right and typical wrong answers of lesson 00."""

import nibabel as nib
import numpy as np
from nilearn import image


def percent_against_rest(values, conditions):
    rest = np.mean([value for value, condition in zip(values, conditions, strict=True) if condition == "rest"])
    return np.array([100 * (value - rest) / rest for value in values])


def as_given(values, conditions):
    rest = values[conditions == "rest"]
    return 100 * values / rest.mean()


def answers(subject, made):
    log_p = image.get_data(made.log_p_img)
    inside = image.get_data(made.labels_img) == 1
    n = int(inside.sum())
    run = subject.labels["labels"].to_numpy()[:121]
    series = np.asarray(nib.load(subject.func).dataobj[..., :121])[inside][:, run == "rest"].astype(float)
    series = series / series.mean(axis=1, keepdims=True)
    table = made.signals.groupby("condition")[["ROI 1", "ROI 2"]].mean()

    def percent(condition, roi="ROI 1"):
        return 100 * (table.loc[condition, roi] - table.loc["rest", roi]) / table.loc["rest", roi]

    return {
        "voxels_at_10": (np.count_nonzero(log_p >= 10), [np.count_nonzero(log_p >= 5), 0]),
        "factor_of_mean": (series.std(axis=1).mean() / series.mean(axis=0).std(), [n**0.5, n, 1]),
        "enough_for_the_mean": ("b", ["a", "c", "d"]),
        "rise_for_cats": (
            percent("cat"),
            [percent("face"), percent("bottle"), percent("cat", "ROI 2"), table.loc["cat", "ROI 1"], percent("cat") / 100],
        ),
        "percent_against_rest": (
            percent_against_rest,
            [
                as_given,
                lambda values, conditions: percent_against_rest(values, conditions) / 100,
                lambda values, conditions: 100 * (values - values.mean()) / values.mean(),
                lambda values, conditions: values - values[conditions == "rest"].mean(),
                lambda values, conditions: as_given(values, conditions) - 1,
                lambda values, conditions: np.round(percent_against_rest(values, conditions)),
                lambda values, conditions: 100 * (values / np.median(values[conditions == "rest"]) - 1),
                lambda values, conditions: values.no_such_thing,
                lambda values, conditions: 3,
            ],
        ),
    }

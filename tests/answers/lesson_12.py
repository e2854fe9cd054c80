"""Right and typical wrong answers of lesson 12: every step written out once more, without `roilessons` functions."""

from itertools import product

import nibabel as nib
import numpy as np
from scipy import ndimage, stats

import roilessons as rl

SIGMA = 6 / 2.3548200450309493  # mm, of a FWHM of 6 mm


def answers(subject, made):
    known, second = rl.load_subject("simulated"), rl.load_subject("simulated:2")
    one, other = passed(known, box_of(known)), passed(second, ...)
    return {
        "twelve_differences": twelve_differences(known),
        "discovered_in_vt": (one["FDR"], [one["in VT"], one["VT"], one["uncorrected"]]),
        "survivors": (
            survivors,
            [
                lambda x: np.abs(t_of(x)) >= stats.t.isf(0.025, len(x) - 1),
                lambda x: np.abs(t_of(x)) >= stats.t.isf(0.025 / x.shape[1], len(x) - 1),
                lambda x: step_up(2 * stats.t.sf(np.abs(t_of(x)), len(x) - 1)),
                lambda x: np.array([survivors(x[:, [column]])[0] for column in range(x.shape[1])]),
                lambda x: survivors(x, strength=lambda t: t),
                lambda x: np.array([np.mean([np.abs(t_of(one)).max() > own * (1 + 1e-9) for one in flips(x)]) for own in np.abs(t_of(x))]) <= 0.05,
                lambda x: np.logical_not(survivors(x)),
                lambda x: np.abs(t_of(x)) > np.percentile([np.abs(t_of(one)).max() for one in flips(x)], 95),
                lambda x: survivors(x)[::-1],
            ],
        ),
        "regions_of_one_preference": (
            regions,
            [
                lambda kept, t: by_size(grown(kept)),
                lambda kept, t: by_size(kept & (t > 0), kept & (t < 0)),
                lambda kept, t: by_size(*sides(kept, t, 2)),
                in_order_of_place,
                lambda kept, t: regions(kept, t) > 0,
                lambda kept, t: by_size(sides(kept, t)[0]),
                lambda kept, t: by_size(sides(kept, t)[1]),
                lambda kept, t: by_size(grown(kept & (t > 0)), grown(kept & (t < 0)) & ~grown(kept & (t > 0))),
                lambda kept, t: by_size(*sides(kept, t), edges=True),
                lambda kept, t: regions(kept, -t) * 2,
            ],
        ),
        "left_out": (
            left_out,
            [
                lambda x, n: left_out(x, n) * [1, -1],
                lambda x, n: np.fliplr(left_out(x, n)),
                lambda x, n: np.transpose(left_out(x, n)),
                lambda x, n: left_out(x, n, circle=True),
                lambda x, n: left_out(x, n, measure_others=True),
                lambda x, n: left_out(x, n).mean(0),
                lambda x, n: left_out(x, 20),
                lambda x, n: left_out(x, n) / 2,
            ],
        ),
        "another_subject": (
            other["in VT"], [one["in VT"], other["uncorrected"], other["FDR"], other["in brain"]],
        ),
        "what_to_write": ("c", ["a", "b", "d"]),
    }  # fmt: skip


def t_of(x):
    return x.mean(axis=0) * np.sqrt(len(x)) / x.std(axis=0, ddof=1)


def flips(x):
    return [x * np.reshape((1, *signs), (-1, 1)) for signs in product([1, -1], repeat=len(x) - 1)]


def survivors(x, strength=np.abs):
    largest = np.array([strength(t_of(one)).max() for one in flips(x)])
    own = strength(t_of(x))
    return np.array([np.count_nonzero(largest > value * (1 - 1e-9)) for value in own]) <= 0.05 * len(largest)


def step_up(p):
    kept, order = np.zeros(len(p), bool), np.argsort(p)
    passed = np.flatnonzero(p[order] <= 0.05 * np.arange(1, len(p) + 1) / len(p))
    if len(passed):
        kept[order[: passed[-1] + 1]] = True
    return kept


def grown(mask, rounds=1):
    for _ in range(rounds):
        wide = mask.copy()
        for axis in range(3):
            one, other = (
                tuple(slice(*ends) if i == axis else slice(None) for i in range(3)) for ends in ((1, None), (None, -1))
            )
            wide[one] |= mask[other]
            wide[other] |= mask[one]
        mask = wide
    return mask


def sides(kept, t, rounds=1):
    face, house = grown(kept & (t > 0), rounds), grown(kept & (t < 0), rounds)
    return face & ~(house & (t < 0)), house & ~(face & (t >= 0))


def by_size(*masks, edges=False):
    found = []
    for mask in masks:
        labels, n = ndimage.label(mask, ndimage.generate_binary_structure(3, 2 if edges else 1))
        found += [labels == number for number in range(1, n + 1)]
    labels = np.zeros(masks[0].shape, int)
    for number, region in enumerate(sorted(found, key=np.count_nonzero, reverse=True), 1):
        labels[region] = number
    return labels


def regions(kept, t):
    return by_size(*sides(kept, t))


def in_order_of_place(kept, t):
    face, house = (ndimage.label(side)[0] for side in sides(kept, t))
    return face + np.where(house > 0, house + face.max(), 0)


def left_out(x, n, circle=False, measure_others=False):
    rows = []
    for run in range(len(x)):
        others = [number for number in range(len(x)) if number != run]
        order = np.argsort(t_of(x if circle else x[others]))
        values = x[others] if measure_others else x[[run]]
        rows.append((values[:, order[::-1][:n]].mean(), np.mean(-values[:, order[:n]])))
    return np.array(rows)


def box_of(known):
    places = np.argwhere(nib.load(known.mask_vt).get_fdata() > 0)
    return tuple(slice(int(places[:, axis].min()) - 4, int(places[:, axis].max()) + 5) for axis in range(3))


def twelve_differences(known):
    box, func_img = box_of(known), nib.load(known.func)
    series = np.asanyarray(func_img.slicer[box].dataobj)
    condition, run = known.labels["labels"].to_numpy(), known.labels["chunks"].to_numpy()
    sigma = tuple(SIGMA / size for size in func_img.header.get_zooms()[:3])
    found = {}
    for number in range(12):
        raw, shown, time = series[..., run == number].astype(float), condition[run == number], np.linspace(-1, 1, 121)
        smoothed = ndimage.gaussian_filter(raw.astype(np.float32), (*sigma, 0))
        face, house = shown == "face", shown == "house"
        boxes = [face, house, (shown != "face") & (shown != "house") & (shown != "rest")]
        drift = [time**0, time, time**2]

        def fit(values, *columns):
            flat = values.reshape(-1, 121).T
            return np.linalg.lstsq(np.column_stack(columns).astype(float), flat, rcond=None)[0].reshape(-1, *values.shape[:3])

        right = fit(smoothed, *boxes, *drift)
        bend = np.tensordot(fit(smoothed, *drift), np.array(drift), axes=(0, 0))
        flat = smoothed - bend
        for name, values in {
            "right": right[0] - right[1],
            "raw": np.subtract(*fit(raw, *boxes, *drift)[:2]),
            "faces": right[0],
            "no bend": np.subtract(*fit(smoothed, *boxes, *drift[:2])[:2]),
            "no others": np.subtract(*fit(smoothed, *boxes[:2], *drift)[:2]),
            "means": smoothed[..., face].mean(-1) - smoothed[..., house].mean(-1),
            "detrended": flat[..., face].mean(-1) - flat[..., house].mean(-1),
        }.items():
            found.setdefault(name, []).append(values)
    found = {name: np.stack(values, axis=-1) for name, values in found.items()}
    right = found.pop("right")
    wrong = [-right, np.moveaxis(right, -1, 0), np.stack([right[..., 0]] * 12, -1), right.mean(-1), right / 9]
    return right, [*wrong, *found.values()]


def passed(known, box):
    """How many voxels of a box pass, in the VT mask and in the brain."""
    func_img = nib.load(known.func)
    vt, brain = (nib.load(path).get_fdata()[box] > 0 for path in (known.mask_vt, known.mask))
    condition, run = known.labels["labels"].to_numpy(), known.labels["chunks"].to_numpy()
    sigma = tuple(SIGMA / size for size in func_img.header.get_zooms()[:3])
    time, series, x = np.linspace(-1, 1, 121), np.asanyarray(func_img.dataobj)[box], []
    for number in range(12):
        shown, values = condition[run == number], series[..., run == number].astype(np.float32)
        smoothed = ndimage.gaussian_filter(values, (*sigma, 0))[brain | vt].T
        boxes = [shown == "face", shown == "house", (shown != "face") & (shown != "house") & (shown != "rest")]
        model = np.column_stack([*boxes, time**0, time, time**2]).astype(float)
        estimates = np.linalg.lstsq(model, smoothed, rcond=None)[0]
        x.append(estimates[0] - estimates[1])
    x = np.array(x)
    in_vt, in_brain = vt[brain | vt], brain[brain | vt]
    p = 2 * stats.t.sf(np.abs(t_of(x[:, in_vt])), 11)

    def n_kept(values):
        squares, mean, largest = np.mean(values**2, axis=0), values.mean(axis=0), []
        for signs in np.array_split([(1, *signs) for signs in product([1, -1], repeat=11)], 64):
            means = (signs @ values / 12) ** 2
            largest += np.max(means / (squares - means), axis=1).tolist()
        return int(np.sum(mean**2 / (squares - mean**2) * (1 + 1e-9) >= np.sort(largest)[-102]))  # 102 of 2,048 are under 5 %

    return {
        "VT": int(vt.sum()), "in VT": n_kept(x[:, in_vt]), "in brain": n_kept(x[:, in_brain]),
        "uncorrected": int(np.sum(p <= 0.05)), "FDR": int(step_up(p).sum()),
    }  # fmt: skip

"""Right and typical wrong answers of lesson 10."""

import nibabel as nib
import numpy as np
from nilearn import image
from scipy import stats

import roilessons as rl


def answers(subject, made):
    return {
        "cleaned_noise": cleaned_noise(),
        "faster_scanner": ("c", ["a", "b", "d"]),
        "honest_delay": ("c", ["a", "b", "d"]),
        "cats_and_bottles": cats_and_bottles(),
        "p_of_voxel": (
            lambda *scan: t_and_p(differences(*scan))[1],
            [
                lambda signal, names, runs: stats.ttest_ind(signal[names == "face"], signal[names == "house"]).pvalue,
                lambda signal, names, runs: stats.ttest_ind(
                    [signal[(runs == run) & (names == "face")].mean() for run in set(runs)],
                    [signal[(runs == run) & (names == "house")].mean() for run in set(runs)],
                ).pvalue,
                lambda *scan: t_and_p(differences(*scan))[1] / 2,
                lambda *scan: t_and_p(differences(*scan))[0],
                lambda *scan: 2 * stats.norm.cdf(-abs(t_and_p(differences(*scan))[0])),
                lambda signal, names, runs: t_and_p(differences(signal, names, np.sort(runs)))[1],
                lambda *scan: t_and_p(differences(*scan, total=np.sum))[1],
            ],
        ),
        "volumes_of": (
            lambda names, runs, name, delay: [
                later for later in range(delay, len(names))
                if names[later - delay] == name and runs[later - delay] == runs[later]
            ],
            [
                lambda names, runs, name, delay: [volume for volume, shown in enumerate(names) if shown == name],
                lambda names, runs, name, delay: np.flatnonzero([names[i - delay] == name for i in range(len(names))]),
                lambda names, runs, name, delay: [i for i in range(delay, len(names)) if names[i - delay] == name],
                lambda names, runs, name, delay: [volume + delay for volume, shown in enumerate(names) if shown == name],
                lambda names, runs, name, delay: [
                    i for i in range(len(names) - delay) if names[i + delay] == name and runs[i + delay] == runs[i]
                ],
            ],
        ),
    }  # fmt: skip


def differences(signal, names, runs, total=np.mean):
    return [
        total([x for x, shown, number in zip(signal, names, runs, strict=True) if (shown, number) == ("face", run)])
        - total([x for x, shown, number in zip(signal, names, runs, strict=True) if (shown, number) == ("house", run)])
        for run in sorted(set(runs))
    ]


def t_and_p(values):
    t = np.mean(values) / np.std(values, ddof=1) * np.sqrt(len(values))
    return t, 2 * stats.t.cdf(-abs(t), len(values) - 1)


def cleaned_noise():
    noise = rl.load_subject("noise")
    vt = image.get_data(noise.mask_vt) > 0
    conditions = noise.labels["labels"].to_numpy()
    near = np.zeros(vt.shape, bool)
    near[tuple(slice(max(places.min() - 3, 0), places.max() + 4) for places in np.nonzero(vt))] = True
    box = tuple(slice(places.min(), places.max() + 1) for places in np.nonzero(near))
    smoothed = image.smooth_img(nib.load(noise.func).slicer[box], 6)
    series = image.get_data(smoothed)[image.get_data(noise.mask)[box] > 0]  # (voxels, volumes)
    centred = np.concatenate([run - run.mean(axis=1, keepdims=True) for run in np.split(series, 12, axis=1)], axis=1)
    pairs = [("face", "house"), ("cat", "bottle"), ("chair", "scissors"), ("shoe", "scrambledpix")]

    def share(values):
        ps = [stats.ttest_ind(*(values[:, conditions == name] for name in pair), axis=1).pvalue for pair in pairs]
        return np.mean(np.array(ps) <= 0.05)

    return share(centred), [share(series), 0.05, 0.0]


def cats_and_bottles():
    known = rl.load_subject("simulated")
    brain, vt = (image.get_data(img) > 0 for img in (known.mask, known.mask_vt))
    conditions = known.labels["labels"].to_numpy().reshape(12, 121)
    func_img = nib.load(known.func, keep_file_open=True)  # read from the start once, not for each run
    series = [
        image.get_data(image.smooth_img(func_img.slicer[..., first : first + 121], 6))[brain].T for first in range(0, 1452, 121)
    ]
    drift = np.polynomial.legendre.legvander(np.arange(121) / 60 - 1, 2)

    def across(first, second):
        found = []
        for run, names in zip(series, conditions, strict=True):
            boxes = [names == first, names == second, (names != first) & (names != second) & (names != "rest")]
            model = np.column_stack([*boxes, drift]).astype(float)
            estimates, *_ = np.linalg.lstsq(model, run.astype(float), rcond=None)
            found.append(estimates[0] - estimates[1])
        return stats.ttest_1samp(found, 0).pvalue

    def passed(p, level=0.001, voxels=vt[brain]):
        return int(np.sum(p[voxels] <= level))

    cats, everything = across("cat", "bottle"), np.ones(brain.sum(), bool)
    wrong = [passed(across("face", "house")), int(vt.sum()), passed(cats, 1e-5), passed(cats, 1e-3, everything)]
    return passed(cats), wrong

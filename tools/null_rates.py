"""How often the tests across runs find something where nothing is, and what they keep of faces against houses.

`python tools/null_rates.py` measures the real slice, if ROILESSONS_REAL_SLICE names its folder, and the simulated subject
without effects, and writes docs/inference.md. It takes some minutes.

Nothing is: in every run two blocks are drawn at random from the six categories that are neither faces nor houses. Which of
the two is taken from which is left to chance, so on average nothing differs, and every voxel that passes is a false one.
"""

import os
from itertools import combinations
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from nilearn import image
from nilearn.glm.first_level import FirstLevelModel, make_first_level_design_matrix
from nilearn.glm.first_level.design_matrix import create_cosine_drift
from scipy.special import stdtr

import roilessons as rl
from roilessons.inference.contrasts import t_of_rows

OUT = Path(__file__).parents[1] / "docs" / "inference.md"
LEVELS = (0.05, 0.01, 0.001)
CONTRAST = ("face", "house")
T_R, FWHM = 2.5, 6
DELAYS = range(-2, 3)

TEXT = """# Inference: what is measured

Made by `python tools/null_rates.py`. The tests are those of `roilessons/inference/`.

## How often something is found where nothing is

In every run two blocks are drawn at random from the six categories that are neither faces nor houses, and which is taken
from which is left to chance. The share of voxels that pass a level is given over the level: 1 is what is promised. "A voxel"
and "a cluster": the share of the draws in which any passes 5 % with the family-wise error controlled by sign flips in the
mask (clusters formed at the p given; cluster sizes are whole numbers, which makes the test stricter than 5 %). There were
4,000 draws for the shares and 500 for "a voxel" and "a cluster" on the real slice, 200 and 100 on the simulated subject: the
standard error of 5 % is 1 % in 500 draws and 2 % in 100. All draws of a subject share its noise.

{null}

The t across runs passes about what it promises. On the real slice it is a little strict at 0.001. A reason may be that real
runs are not equally noisy: with observations of unequal variance the tails of t are thinner.

## How a run's contrast is estimated

Face against house on half an axial slice of subject 1 of Haxby et al. (2001), 6 mm: of its 467 bright voxels those that survive
a family-wise error of 5 %, with the labels moved by so many volumes, and the null shares at 0 as above, from half as many draws:
differences of a few hundredths mean nothing. (`extract` takes the 530 voxels of the slice's mask, and keeps 100.)

{models}

The labels seem to begin one to two volumes after the pictures. So boxes are best with the labels as they are or one volume later,
and a modelled response, which is late by itself, with the labels one or two volumes earlier, and then no better than a box.
Moved by two volumes or more the wrong way, any model loses. Block means after detrending keep as many voxels, but their size
is 3 to 30 % too small, depending on where in the run the two blocks lie: a drift fitted alone takes some of the difference
with it. A regressor for each of the six other conditions, or a sharper high-pass, costs voxels and mends nothing here.
"""


def smoothed_runs(subject, mask_img):
    """The smoothed series in a mask, an array (volumes, voxels) per run, and the conditions of each run."""
    series = np.asanyarray(image.smooth_img(subject.func, FWHM).dataobj)[np.asanyarray(mask_img.dataobj) > 0].T
    labels = subject.labels
    where = [np.flatnonzero(labels["chunks"] == run) for run in labels["chunks"].unique()]
    return [series[here].astype(np.float32) for here in where], [labels["labels"].to_numpy()[here] for here in where]


# Models of a run, to compare: the weights of the volumes in first minus second


def boxes(conditions, delay):
    """A column per condition but rest: 1 in the volumes it is shown in, moved by `delay` volumes."""
    names = [name for name in np.unique(conditions) if name != "rest"]
    return names, np.column_stack([np.roll(conditions == name, delay) for name in names]).astype(float)


def responses(conditions, delay):
    """As `boxes`, each convolved with nilearn's model of the haemodynamic response (Glover)."""
    names = [name for name in np.unique(conditions) if name != "rest"]
    times = T_R * np.arange(len(conditions))
    return names, make_first_level_design_matrix(times, events(conditions, delay), drift_model=None)[names].to_numpy()


def events(conditions, delay):
    """Onset and duration of every block of a run, in seconds, as nilearn wants them."""
    names = [name for name in np.unique(conditions) if name != "rest"]
    shown = [np.flatnonzero(conditions == name) for name in names]
    onsets, durations = [T_R * (at[0] + delay) for at in shown], [T_R * len(at) for at in shown]
    return pd.DataFrame({"trial_type": names, "onset": onsets, "duration": durations})


def polynomial(degree):
    return lambda n: np.vander(np.linspace(-1, 1, n), degree + 1)


def cosines(high_pass):
    return lambda n: create_cosine_drift(high_pass, T_R * np.arange(n))


def block_difference(regressors, drift):
    """Difference of the means of the blocks' volumes after the drift was taken out of the run."""

    def weights(conditions, first, second, delay):
        names, columns = regressors(conditions, delay)
        difference = [columns[:, names.index(name)] / columns[:, names.index(name)].sum() for name in (first, second)]
        basis = np.linalg.qr(drift(len(conditions)))[0]
        return (difference[0] - difference[1]) - basis @ (basis.T @ (difference[0] - difference[1]))

    return weights


def least_squares(regressors, drift, together):
    """Regressors and drift fitted at once; the other conditions in a regressor together, or in one each."""

    def weights(conditions, first, second, delay):
        names, columns = regressors(conditions, delay)
        a, b = names.index(first), names.index(second)
        others = np.delete(columns, (a, b), axis=1)
        others = others.sum(axis=1) if together else others
        inverse = np.linalg.pinv(np.column_stack([columns[:, a], columns[:, b], others, drift(len(conditions))]))
        return inverse[0] - inverse[1]

    return weights


MODELS = {
    "block means, after a trend of degree 2 was taken out": block_difference(boxes, polynomial(2)),
    "**three boxes (first, second, all others), degree 2**: `run_weights`": least_squares(boxes, polynomial(2), True),
    "three boxes, degree 1": least_squares(boxes, polynomial(1), True),
    "three boxes, degree 4": least_squares(boxes, polynomial(4), True),
    "three boxes, high-pass 0.005 Hz": least_squares(boxes, cosines(0.005), True),
    "three boxes, high-pass 0.01 Hz": least_squares(boxes, cosines(0.01), True),
    "a box per condition, degree 2": least_squares(boxes, polynomial(2), False),
    "a response per condition, degree 2": least_squares(responses, polynomial(2), False),
    "a response per condition, high-pass 0.005 Hz": least_squares(responses, cosines(0.005), False),
    "a response per condition, high-pass 0.01 Hz": least_squares(responses, cosines(0.01), False),
}


def draw(pairs, rng):
    """Contrasts of one random pair per run, the sign left to chance, (runs, voxels)."""
    return np.array([rng.choice((-1, 1)) * run[rng.integers(len(run))] for run in pairs])


def null_shares(pairs, draws):
    """Share of the voxels that pass each level, over the level; mean of the draws."""
    rng, passed = np.random.default_rng(1), []
    for _ in range(draws):
        p = 2 * stdtr(len(pairs) - 1, -np.abs(t_of_rows(draw(pairs, rng).astype(float))))
        passed.append([np.mean(p <= level) / level for level in LEVELS])
    return np.mean(passed, axis=0)


def null_families(pairs, mask_img, draws, n_flips=256):
    """Share of the draws in which a voxel, or a cluster, passes 5 % with the family-wise error controlled."""
    rng, found = np.random.default_rng(2), []
    for _ in range(draws):
        img = contrasts_image(draw(pairs, rng), mask_img)
        tests = [rl.sign_flip(img, mask_img, n_flips=n_flips)]
        tests += [rl.sign_flip_clusters(img, mask_img, forming, n_flips=n_flips) for forming in (2, 3)]
        found.append([kept(test) > 0 for test in tests])
    return np.mean(found, axis=0)


def contrasts_image(contrasts, mask_img):
    """The image whose voxels in a mask hold `contrasts`, (runs, voxels)."""
    mask = np.asanyarray(mask_img.dataobj) > 0
    values = np.zeros((*mask.shape, len(contrasts)), np.float32)
    values[mask] = contrasts.T
    return nib.Nifti1Image(values, mask_img.affine)


def kept(test):
    """Voxels whose family-wise corrected p is 5 % or less."""
    return int(np.sum(np.asanyarray(test.log_p_img.dataobj) >= -np.log10(0.05)))


def one_per_run(runs, conditions, weights, first, second, delay=0):
    """Contrasts (runs, voxels)."""
    return np.array([weights(shown, first, second, delay) @ series for series, shown in zip(runs, conditions, strict=True)])


def firstlevel_models(subject, mask_img, delay, high_pass, noise_model):
    """The same by nilearn's own first-level model, a response per condition."""
    labels, contrasts = subject.labels, []
    for run in labels["chunks"].unique():
        here = np.flatnonzero(labels["chunks"] == run)
        conditions = labels["labels"].to_numpy()[here]
        model = FirstLevelModel(t_r=T_R, mask_img=mask_img, smoothing_fwhm=FWHM, high_pass=high_pass, noise_model=noise_model)
        model.fit(image.index_img(subject.func, here), events(conditions, delay))
        effect = model.compute_contrast(" - ".join(CONTRAST), output_type="effect_size")
        contrasts.append(np.asanyarray(effect.dataobj)[np.asanyarray(mask_img.dataobj) > 0])
    return np.array(contrasts)


def others(labels):
    """All pairs of the categories that are neither faces nor houses."""
    return list(combinations([name for name in np.unique(labels["labels"]) if name not in (*CONTRAST, "rest")], 2))


def model_rows(subject, mask_img):
    """A row per model of a run: survivors at each delay, null shares."""
    runs, conditions = smoothed_runs(subject, mask_img)
    rows = []
    for name, weights in MODELS.items():
        found = [one_per_run(runs, conditions, weights, *CONTRAST, delay) for delay in DELAYS]
        survivors = [kept(rl.sign_flip(contrasts_image(values, mask_img), mask_img)) for values in found]
        pairs = [one_per_run(runs, conditions, weights, *pair) for pair in others(subject.labels)]
        rows.append((name, *survivors, *(f"{share:.2f}" for share in null_shares(np.swapaxes(pairs, 0, 1), 2000))))
        print(*rows[-1], flush=True)
    for noise_model in ("ols", "ar1"):
        found = [firstlevel_models(subject, mask_img, delay, 0.01, noise_model) for delay in DELAYS]
        survivors = [kept(rl.sign_flip(contrasts_image(values, mask_img), mask_img)) for values in found]
        rows.append((f"nilearn's `FirstLevelModel`, {noise_model}, high-pass 0.01 Hz", *survivors, "", "", ""))
        print(*rows[-1], flush=True)
    return rows


def null_rows(name, subject, masks, draws, families):
    """Rows of null shares at two smoothings, and of family-wise errors."""
    rows = []
    for fwhm in (0, FWHM):
        pair_imgs = [rl.run_contrasts(subject.func, subject.labels, pair, fwhm) for pair in others(subject.labels)]
        for mask_name, mask_img in masks.items():
            mask = np.asanyarray(mask_img.dataobj) > 0
            pairs = np.swapaxes([np.asanyarray(img.dataobj)[mask].T for img in pair_imgs], 0, 1)
            shares = [f"{share:.2f}" for share in null_shares(pairs, draws)]
            errors = [f"{100 * share:.1f} %" for share in null_families(pairs, mask_img, families)]
            rows.append((f"{name}, {mask_name} ({mask.sum():,} voxels)", f"{fwhm} mm", *shares, *errors))
            print(*rows[-1], flush=True)
    return rows


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def main():
    null, models = [], []
    if real := os.environ.get("ROILESSONS_REAL_SLICE"):
        subject = rl.load_subject(real)
        func = nib.load(subject.func)
        mean = np.asanyarray(func.dataobj).mean(axis=-1)
        bright = nib.Nifti1Image((mean > 0.35 * np.percentile(mean, 98)).astype(np.uint8), func.affine)
        models = model_rows(subject, bright)
        null += null_rows("real slice", subject, {"bright voxels": bright}, 4000, 500)
    noise = rl.load_subject("noise")
    null += null_rows("simulated noise", noise, {"VT mask": nib.load(noise.mask_vt), "brain": nib.load(noise.mask)}, 200, 100)
    levels = [f"p <= {level}" for level in LEVELS]
    text = TEXT.format(
        null=table(["", "smoothing", *levels, "a voxel", "a cluster, p <= 0.01", "a cluster, p <= 0.001"], null),
        models=table(["model of a run", *(f"{delay:+d}" if delay else "0" for delay in DELAYS), *levels], models),
    )
    OUT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

"""Exercises of lesson 12, the pipeline again: what each step makes, in a box around the VT mask or on the whole grid."""

import os
from functools import cache
from typing import NamedTuple

import nibabel as nib
import numpy as np
from nilearn import image
from scipy import ndimage, stats

import roilessons as rl
from roilessons.check.judging import Check, Unreadable, array, choice, close, right, wrong

MARGIN = 4  # voxels around the VT mask: smoothing reaches three, one dilation one more
N_RUNS, N_VOXELS = 12, 20


class Start(NamedTuple):
    """The simulated subject, its VT mask as image, the box, and in the box the VT mask and it with the voxels around."""

    subject: rl.Subject
    vt_img: nib.Nifti1Image
    box: tuple
    vt: np.ndarray
    near: np.ndarray


@cache
def _start():
    subject = rl.load_subject("simulated")
    vt_img = nib.load(subject.mask_vt)
    whole = image.get_data(vt_img) > 0
    inside = np.argwhere(whole)
    box = tuple(slice(low - MARGIN, high + MARGIN + 1) for low, high in zip(inside.min(0), inside.max(0), strict=True))
    return Start(subject, vt_img, box, whole[box], ndimage.binary_dilation(whole[box]))


def _boxed(values):
    """What is given on the whole grid is cut to the box."""
    start = _start()
    return values[start.box] if values.shape[:3] == start.vt_img.shape else values


def _close_near_vt(answer, value):
    """At the border of the box smoothing lacks the voxels outside it, so only the mask and what touches it are compared."""
    near = _start().near
    if answer.shape[:3] == near.shape:
        return close(answer[near], value[near])
    return close(answer[..., near], value[..., near]) if answer.shape[-3:] == near.shape else close(answer, value)


@cache
def _first_run():
    """The box in the first run, as an image and smoothed by 6 mm, and the first run's labels."""
    start = _start()
    labels = start.subject.labels
    labels = labels[labels["chunks"] == 0]
    img = nib.load(start.subject.func).slicer[(*start.box, slice(0, len(labels)))]
    return img, image.get_data(image.smooth_img(img, 6)), labels


@cache
def _contrasts_img():
    subject = _start().subject
    return rl.run_contrasts(subject.func, subject.labels)


@cache
def _test():
    """t and p across the runs, in the box."""
    t_img, log_p_img = rl.t_across_runs(_contrasts_img())
    return _boxed(image.get_data(t_img)), 10.0 ** -_boxed(image.get_data(log_p_img))


@cache
def _kept():
    """The voxels of the VT mask that survive the family-wise correction, in the box."""
    log_p_img = rl.sign_flip(_contrasts_img(), _start().vt_img).log_p_img
    return _boxed(image.get_data(log_p_img)) >= -np.log10(0.05) - 1e-6


@cache
def _rois():
    """`label_by_sign` of these, on the whole grid, and its arrays in the box."""
    start, t_img = _start(), rl.t_across_runs(_contrasts_img()).t_img
    kept = np.zeros(start.vt_img.shape, np.uint8)
    kept[start.box] = _kept()
    return rl.label_by_sign(image.new_img_like(start.vt_img, kept), t_img)


@array(
    "an array (x, y, z, volumes) or a 4D image",
    "nib.load(subject.func).slicer[box] is the box of the whole series; nothing is read yet.",
    "A boolean array run == 0 picks the volumes; image.new_img_like makes an image of them, image.smooth_img smooths it.",
    otherwise="Cut the box out of the series, take the volumes of run 0, then smooth the image by fwhm=6.",
    agree=_close_near_vt,
    same=_close_near_vt,
    cut=_boxed,
)
def first_run_smoothed():
    img, smoothed, _ = _first_run()
    yield smoothed, "One run at a time is all that has to be smoothed and kept."
    yield image.get_data(img), "These are the volumes as they were measured. They are still to be smoothed."
    no_size = nib.Nifti1Image(image.get_data(img), np.eye(4))
    yield (
        image.get_data(image.smooth_img(no_size, 6)),
        "This is smoothed by 6 voxels, not 6 mm. The affine says how large a voxel is: give it to the image that you smooth.",
    )
    yield (
        image.get_data(image.smooth_img(img, 6 * np.sqrt(8 * np.log(2)))),
        "This is smoothed by far more than 6 mm: 6 is the full width at half maximum, not the standard deviation.",
    )
    yield smoothed.mean(axis=-1), "That is the mean of the run. All its volumes are needed."


@array(
    "an array (x, y, z) or an image",
    "The model has a row per volume of the run and six columns; np.linalg.pinv(model) has a row of weights per column.",
    "smoothed @ np.linalg.pinv(model).T has the six estimates of every voxel in its last axis: take the first minus the second.",
    otherwise="Check the six columns, one after the other, and take the estimate for faces minus that for houses.",
    agree=_close_near_vt,
    same=_close_near_vt,
    cut=_boxed,
)
def first_difference():
    _, smoothed, labels = _first_run()
    shown, time = labels["labels"].to_numpy(), np.linspace(-1, 1, len(labels))
    pictures = {name: (shown == name).astype(float) for name in np.unique(shown) if name != "rest"}
    face, house = pictures["face"], pictures["house"]
    drift = [time**0, time, time**2]

    def estimate(*columns, of=smoothed):
        return of @ np.linalg.pinv(np.column_stack(columns)).T

    def minus(estimates):
        return estimates[..., 0] - estimates[..., 1]

    others = sum(pictures.values()) - face - house
    full = estimate(face, house, others, *drift)
    yield minus(full), "Drift and pictures are fitted together, so that neither takes from the other."
    yield -minus(full), "The sign: that is house minus face."
    yield full[..., 0], "That is the estimate for faces against rest. Subtract the one for houses."
    yield minus(estimate(face, house, others, *drift[:2])), "The drift may bend: the model needs time ** 2, too."
    yield minus(estimate(face, house, *drift)), "The third column is missing: what the other pictures do would count as rest."
    each = [pictures[name] for name in pictures if name not in ("face", "house")]
    yield (
        minus(estimate(face, house, *each, *drift)),
        "This has a column for each of the other conditions. It is unbiased, too, but here they share one column.",
    )
    means = smoothed @ (face / face.sum() - house / house.sum())
    yield (
        means,
        "That is the difference of two block means, with the drift still in it: the model needs time and time ** 2, too.",
    )
    rest_of_drift = smoothed - estimate(*drift) @ np.array(drift)
    yield (
        rest_of_drift @ (face / face.sum() - house / house.sum()),
        "You removed the drift first, and a part of the difference with it. Fit all six columns at once.",
    )
    yield (
        minus(estimate(face, house, others, *drift, of=image.get_data(_first_run()[0]))),
        "The difference of the volumes as they were measured. Start from the smoothed run.",
    )


@array(
    "an array (x, y, z, 12) or a 4D image",
    "A function that takes the number of a run and returns its difference can be called in a loop over range(12).",
    "np.stack([...], axis=-1) puts the twelve differences behind each other.",
    otherwise="Do for each run, with its own labels and its own volumes, what you did for run 0.",
    agree=_close_near_vt,
    same=_close_near_vt,
    cut=_boxed,
)
def twelve_differences():
    contrasts = _boxed(image.get_data(_contrasts_img()))
    yield contrasts, "It agrees with rl.run_contrasts: twelve observations per voxel, independent of each other."
    yield -contrasts, "The sign: these are house minus face."
    yield np.moveaxis(contrasts, -1, 0), "The runs come first here. Stack them along the last axis: axis=-1."
    yield np.repeat(contrasts[..., :1], N_RUNS, axis=-1), "These are twelve copies of run 0. Let the run change in the loop."
    yield contrasts.mean(axis=-1), "That is their mean. The test needs all twelve."


@array(
    "an array (x, y, z) or an image",
    "stats.ttest_1samp asks whether a mean is other than 0.",
    "Which axis has the runs? The result has `statistic` and `pvalue`.",
    otherwise="A t-test of twelve numbers against 0, along the last axis: its statistic.",
    agree=_close_near_vt,
    same=_close_near_vt,
    cut=_boxed,
)
def t_of_runs():
    (t, p), contrasts = _test(), _boxed(image.get_data(_contrasts_img()))
    yield t, "It agrees with rl.t_across_runs. With 11 degrees of freedom it claims no more than twelve runs can tell."
    yield -t, "The sign: positive t should mean more for faces."
    yield np.abs(t), "Without its sign t does not say which condition is stronger. Keep the sign."
    yield p, "These are the p-values. The step asks for t."
    yield t * np.sqrt(N_RUNS / (N_RUNS - 1)), "The standard deviation is divided by 12 here: ddof=1 divides by 11."
    yield t / np.sqrt(N_RUNS), "That is mean over standard deviation. The standard error is smaller, by the root of 12."
    yield contrasts.mean(axis=-1), "That is the mean difference. Divide it by its standard error."


def _survive(answer, value):
    """The voxels of the VT mask beyond a limit that a thousand random flips might have given: the corrected p is near 0.05."""
    (t, _), vt = _test(), _start().vt
    limits = [rl.sign_flip(_contrasts_img(), _start().vt_img, alpha=alpha).threshold for alpha in (0.07, 0.035)]
    answer, t = answer > 0, np.abs(t)
    return not answer[~vt].any() and answer[vt & (t > limits[1])].all() and not answer[vt & (t < limits[0])].any()


@array(
    "a mask, an array (x, y, z) of True and False or an image",
    "Take the 12 differences of the mask's voxels, multiply the runs by 1 or -1, compute t again, and note the largest |t|.",
    "The corrected p of a voxel is the share of the 2,048 largest |t| that reach its own |t|.",
    otherwise="Keep the voxels of the VT mask whose |t| at most 5 % of the flips reach anywhere in the mask.",
    agree=_survive,
    same=_close_near_vt,
    cut=_boxed,
)
def survivors():
    (t, p), vt, kept = _test(), _start().vt, _kept()
    n = vt.sum()
    yield kept, "It agrees with rl.sign_flip: the chance of one false voxel or more in the mask is at most 5 %."
    yield p <= 0.05, "p <= 0.05 without any correction, and outside the VT mask, too."
    yield vt & (p <= 0.05), "p <= 0.05 without any correction: it is reached by one in twenty voxels in which nothing is."
    yield (
        vt & (p <= 0.05 / n),
        "That is Bonferroni. It holds, too, but is stricter than it need be where neighbours are alike. Flip signs.",
    )
    q = np.ones(vt.shape)
    q[vt] = stats.false_discovery_control(p[vt])
    yield (
        vt & (q <= 0.05),
        "That is a false discovery rate of 5 %: some of the voxels may be false, and the claim allows none. Flip signs.",
    )
    limit = rl.sign_flip(_contrasts_img(), _start().vt_img).threshold
    yield np.abs(t) > limit, "The limit is right, and was found for the VT mask. Outside it, it promises nothing."
    yield kept & (t > 0), "These prefer faces. Keep those that prefer houses, too: the largest |t|, not t."
    yield kept & (t < 0), "These prefer houses. Keep those that prefer faces, too."
    yield ~kept, "These are the others: a small corrected p survives."


def _same_rois(answer, value):
    """The same regions, numbered by size; regions of one size may come in either order."""
    if not np.array_equal(answer > 0, value > 0) or np.any(answer % 1):
        return False
    answer, value = answer.astype(int), value.astype(int)
    pairs = np.unique(np.stack([answer[value > 0], value[value > 0]]), axis=1)
    sizes = [np.bincount(rois[value > 0])[1:].tolist() for rois in (answer, value)]
    return pairs.shape[1] == value.max() and sizes[0] == sizes[1]


@array(
    "labels, an array (x, y, z) of whole numbers or an image",
    "Make two masks, one for t > 0 and one for t < 0, and dilate each by itself with ndimage.binary_dilation.",
    "ndimage.label numbers the regions of each side in order of place. Put both sides together and sort by size.",
    otherwise="Dilate each side once, label each side, and number all regions by size, 1 for the largest.",
    agree=_same_rois,
    same=_close_near_vt,
    cut=_boxed,
)
def regions_by_sign():
    signed, kept, t, vt = _rois(), _kept(), _test()[0], _start().vt
    yield _boxed(image.get_data(signed.labels_img)), "It agrees with rl.label_by_sign: no region mixes preferences."

    def by_size(*masks):
        found = [labels == number for labels, n in map(ndimage.label, masks) for number in range(1, n + 1)]
        order = sorted(found, key=lambda region: -region.sum())
        return sum(((number + 1) * region for number, region in enumerate(order)), start=np.zeros(vt.shape, int))

    def apart(iterations=1):
        first, second = (ndimage.binary_dilation(side, iterations=iterations) for side in (kept & (t > 0), kept & (t < 0)))
        return first & ~(second & (t < 0)), second & ~(first & (t >= 0))

    sides = apart()
    yield by_size(ndimage.binary_dilation(kept)), "Dilated as one mask: a region that grows may join the two preferences."
    yield by_size(kept & (t > 0), kept & (t < 0)), "Labelled, but not dilated."
    yield by_size(*apart(2)), "Two rounds of dilation. Do one."
    (first, n), (second, _) = map(ndimage.label, sides)
    yield (
        np.where(second > 0, second + n, first),
        "The right regions, numbered in order of place. Number them by size, 1 for the largest.",
    )
    yield (first > 0) | (second > 0), "That is the mask of all regions. Give each a number of its own."
    yield (
        by_size(*(side & vt for side in sides)),
        "These end where the VT mask ends. The dilation may leave it, as in lesson 06.",
    )
    yield by_size(sides[0]), "These are the regions that prefer faces. Those that prefer houses are missing."


def _rounded(answer, value):
    return np.all(np.abs(answer - value) <= (0.51, 0.51, 0.51, 0.051))


@array(
    "an array of four columns, with a row per ROI",
    "Per ROI, look for the largest t if it prefers faces, for the smallest if it prefers houses; np.unravel_index finds x, y, z.",
    "nib.affines.apply_affine(vt_img.affine, voxel) leads from a voxel of the box to mm.",
    otherwise="A row per ROI, in their order: x, y, z of the peak in mm, and its t.",
    agree=_rounded,
)
def peaks():
    start, (t, _), signed = _start(), _test(), _rois()
    rois, affine = _boxed(image.get_data(signed.labels_img)), start.vt_img.slicer[start.box].affine
    signs = [1 if condition == "face" else -1 for condition in signed.prefers]

    def places(strength):
        masks = [rois == number for number in range(1, len(signs) + 1)]
        peaks = [np.where(mask, strength(sign), -np.inf).argmax() for mask, sign in zip(masks, signs, strict=True)]
        return np.stack(np.unravel_index(peaks, rois.shape), axis=1)

    def table(voxels, by=affine, value=lambda t: t):
        at = nib.affines.apply_affine(by, voxels)
        return np.column_stack([at, value(t[tuple(voxels.T)])])

    voxels = places(lambda sign: sign * t)
    yield table(voxels), "It agrees with rl.preference_table, and the sign of t says what each ROI prefers."
    yield table(voxels, by=np.eye(4)), "These are the indices of voxels. The affine leads from them to mm."
    yield (
        table(voxels, by=start.vt_img.affine),
        "The affine is that of the whole grid, and the voxels are counted in the box. Take vt_img.affine.",
    )
    yield table(voxels, value=np.abs), "Without its sign t does not say what the ROI prefers."
    yield table(places(lambda sign: t)), "The largest t of every ROI. One that prefers houses has its peak where t is smallest."
    centres = [ndimage.center_of_mass(rois == number) for number in range(1, len(signs) + 1)]
    yield (
        np.column_stack([nib.affines.apply_affine(affine, np.array(centres)), table(voxels)[:, 3]]),
        "These are the centres of the ROIs. The peak is the voxel with the strongest t.",
    )
    yield table(voxels)[:, :3], "The fourth column is missing: t at the peak."


@array(
    "an array (12, 2)",
    "np.delete(percent, run, axis=0) leaves the other eleven runs; a t-test across them ranks the voxels of the mask.",
    "np.argsort(t)[-20:] are the 20 voxels with the largest t, np.argsort(t)[:20] those with the smallest.",
    otherwise="For each run: t across the other eleven, the 20 voxels at either end, and their mean in the run left out.",
    agree=lambda answer, value: np.all(np.abs(answer - value) <= 0.0051),  # two decimals are enough
)
def left_out_runs():
    start = _start()
    mean = image.get_data(rl.mean_epi(start.subject.func))[start.box][start.vt]
    contrasts = _boxed(image.get_data(_contrasts_img()))[start.vt].T.astype(float)
    percent = 100 * contrasts / mean

    def measured(values, chosen_in=lambda run: np.arange(N_RUNS) != run, measured_in=lambda run: [run]):
        rows = []
        for run in range(N_RUNS):
            t = stats.ttest_1samp(percent[chosen_in(run)], 0).statistic
            ends = np.argsort(t)[-N_VOXELS:], np.argsort(t)[:N_VOXELS]
            rows.append([sign * values[np.ix_(measured_in(run), end)].mean() for sign, end in zip((1, -1), ends, strict=True)])
        return np.array(rows)

    value = measured(percent)
    yield value, "No run had a say in the voxels that it measures."
    yield value * (1, -1), "The second column is face minus house. The house voxels are to show house minus face."
    yield value[:, ::-1], "The columns are swapped: the face voxels come first."
    yield value.T, "The runs are the rows: turn it round."
    yield (
        measured(percent, chosen_in=lambda run: np.arange(N_RUNS) >= 0),
        "All twelve runs chose, the measured one with them: that is the circle. Leave it out of the choice.",
    )
    yield (
        measured(percent, measured_in=lambda run: np.flatnonzero(np.arange(N_RUNS) != run)),
        "Measured in the eleven runs that chose: that is the circle. Measure in the one that was left out.",
    )
    yield measured(contrasts), "This is in scanner units. In per cent it can be compared: take `percent`."


def _read_path(given):
    if not isinstance(given, (str, os.PathLike)):
        raise Unreadable(f"is of type {type(given).__name__}")
    return os.fspath(given)


def _judge_atlas(path):
    if not os.path.isfile(path):
        return wrong("There is no file of that name. Save the image first, and answer with the name that you gave it.")
    try:
        img = nib.load(path)
        saved = np.asanyarray(img.dataobj)
    except Exception:  # whatever the file is
        return wrong("There is a file, but it cannot be read as an image. Save one with nib.save; its name ends in .nii.gz.")
    start, value = _start(), image.get_data(_rois().labels_img)
    if saved.shape == start.vt.shape:
        return wrong(
            "That is the box. On the grid of the series every program finds its place: put the box into zeros of that shape."
        )
    if saved.shape != value.shape:
        return wrong(f"Its shape is {saved.shape}; the series has {value.shape}.")
    if not np.allclose(img.affine, start.vt_img.affine, atol=1e-3):
        return wrong("The affine is not that of the series, so the regions are moved. Take that of the VT mask's file.")
    if saved.dtype.kind not in "iu":
        return wrong("The regions' numbers are saved as decimals. Labels are whole numbers: .astype(np.int32).")
    if not _same_rois(saved, value):
        return wrong(
            "The grid is right, but the regions are not those of step 6, or lie elsewhere: zeros, then whole[box] = labels."
        )
    return right("Grid, affine and whole numbers are right: the atlas can be used beside the series, by any program.")


saved_atlas = Check(
    "the name of a file",
    (
        "Zeros of the shape of the whole grid, with the labels in the box: whole[box] = labels.",
        "nib.Nifti1Image(whole, vt_whole.affine) is the image; nib.save(img, path) saves it, and would replace a file.",
    ),
    _read_path,
    _judge_atlas,
)


what_to_write = choice(
    "c",
    "It names the observation, the volume that was searched, what is controlled, and where the sizes come from.",
    "What was one observation? Over which voxels was corrected, and which error? Which runs measured?",
    "One sentence claims for every voxel what was found for the mask; one measures where it chose.",
    a="Volumes of a block are no independent observations. Nobody can tell from this what the p-value is worth.",
    b="A family-wise p speaks of any false voxel in the mask. It gives no voxel a probability of being true.",
    d="The voxels were chosen in these very runs, so their size is circular.",
)

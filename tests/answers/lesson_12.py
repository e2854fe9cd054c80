"""Right and typical wrong answers of lesson 12: every step written out once more, without `roilessons` functions."""

import atexit
import shutil
import tempfile
from functools import cache
from itertools import product
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage, stats

import roilessons as rl

KEPT = Path(tempfile.mkdtemp())  # as long as the tests run
atexit.register(shutil.rmtree, KEPT, ignore_errors=True)


def answers(subject, made):
    known = rl.load_subject("simulated")
    vt_img, func_img = nib.load(known.mask_vt), nib.load(known.func)
    places = np.argwhere(vt_img.get_fdata() > 0)
    box = tuple(slice(int(places[:, axis].min()) - 4, int(places[:, axis].max()) + 5) for axis in range(3))
    vt, series = vt_img.get_fdata()[box] > 0, np.asanyarray(func_img.slicer[box].dataobj)
    condition, run = known.labels["labels"].to_numpy(), known.labels["chunks"].to_numpy()
    sigma = tuple(6 / 2.3548200450309493 / size for size in func_img.header.get_zooms()[:3])

    @cache
    def smoothed(number, sigma=sigma):
        return ndimage.gaussian_filter(series[..., run == number].astype(np.float32), (*sigma, 0))

    def boxes(number):
        shown, time = condition[run == number], np.linspace(-1, 1, 121)
        columns = {name: (shown == name).astype(float) for name in ("face", "house")}
        columns["others"] = ((shown != "face") & (shown != "house") & (shown != "rest")).astype(float)
        return columns | {"constant": time**0, "line": time, "bend": time**2}

    def least_squares(values, columns):
        found = np.linalg.lstsq(np.column_stack(list(columns.values())), values.reshape(-1, 121).T, rcond=None)[0]
        return dict(zip(columns, found.reshape(-1, *values.shape[:3]), strict=True))

    def difference(number, leave_out=(), values=None):
        columns = {name: column for name, column in boxes(number).items() if name not in leave_out}
        found = least_squares(smoothed(number) if values is None else values, columns)
        return found["face"] - found["house"]

    first = smoothed(0)
    shown = condition[run == 0]
    detrended = first - np.tensordot(
        np.stack(list(least_squares(first, dict(list(boxes(0).items())[3:])).values()), -1),
        np.stack(list(boxes(0).values())[3:]), 1,
    )  # fmt: skip
    each = boxes(0) | {name: (shown == name).astype(float) for name in set(shown) - {"face", "house", "rest"}}
    each.pop("others")
    one_each = least_squares(first, each)

    contrasts = np.stack([difference(number) for number in range(12)], axis=-1)
    inside = contrasts[vt].T
    t = contrasts.mean(-1) / contrasts.std(-1, ddof=1) * np.sqrt(12)
    p = 2 * stats.t.sf(np.abs(t), 11)
    signs = np.array([(1, *rest) for rest in product([1, -1], repeat=11)])
    means = signs @ inside / 12
    flipped = means / np.sqrt((np.square(inside).mean(axis=0) - means**2) / 11)
    limit = np.sort(np.abs(flipped).max(axis=1))[-103]  # 102 of 2,048 are under 5 %
    kept = vt & (np.abs(t) > limit * (1 + 1e-9))
    discovered = np.zeros(vt.shape, bool)
    order = np.argsort(p[vt])
    passed = np.flatnonzero(p[vt][order] <= 0.05 * np.arange(1, vt.sum() + 1) / vt.sum())
    discovered[tuple(np.argwhere(vt)[order[: passed.max() + 1]].T)] = True

    def regions(*masks):
        found = [labels == number for labels, n in map(ndimage.label, masks) for number in range(1, n + 1)]
        return sorted(found, key=np.sum, reverse=True)

    def numbered(found):
        return sum((number * region for number, region in enumerate(found, 1)), np.zeros(vt.shape, int))

    def grown(mask):
        wide = mask.copy()
        for axis in range(3):
            wide |= np.roll(mask, 1, axis) | np.roll(mask, -1, axis)
        return wide

    face, house = grown(kept & (t > 0)), grown(kept & (t < 0))
    face, house = face & ~(house & (t < 0)), house & ~(face & (t >= 0))
    rois = regions(face, house)
    labels = numbered(rois)

    rows, swapped, centres = [], [], []
    for region in rois:
        strength = t if np.all(t[region & kept] > 0) else -t
        place = max(np.argwhere(region), key=lambda voxel, strength=strength: strength[tuple(voxel)])
        rows.append([*place, t[tuple(place)]])
        wrong_end = max(np.argwhere(region), key=lambda voxel: t[tuple(voxel)])
        swapped.append([*wrong_end, t[tuple(wrong_end)]])
        centres.append([*np.argwhere(region).mean(axis=0), rows[-1][-1]])

    def in_mm(rows, affine):
        rows = np.array(rows, float)
        return np.column_stack([rows[:, :3] @ affine[:3, :3].T + affine[:3, 3], rows[:, 3]])

    box_affine = vt_img.slicer[box].affine
    peaks = in_mm(rows, box_affine)

    mean = sum(smoothed(number).sum(axis=-1) for number in range(12)) / 1452
    percent = 100 * inside / mean[vt]

    def left_out(values, circle=False, measured="out"):
        table = []
        for number in range(12):
            others = np.arange(12) != number
            chosen = np.ones(12, bool) if circle else others
            order = np.argsort(stats.ttest_1samp(percent[chosen], 0).statistic)
            there = ~others if measured == "out" else others
            table.append([values[there][:, order[-20:]].mean(), -values[there][:, order[:20]].mean()])
        return np.array(table)

    held_out = left_out(percent)

    def saved(name, values, affine=vt_img.affine):
        path = str(KEPT / f"{name}.nii.gz")
        nib.save(nib.Nifti1Image(values, affine), path)
        return path

    whole = np.zeros(vt_img.shape, np.int32)
    whole[box] = labels
    elsewhere = np.zeros(vt_img.shape, np.int32)
    elsewhere[tuple(slice(0, n) for n in labels.shape)] = labels
    text = KEPT / "text.nii.gz"
    text.write_text("no image")
    in_voxels = smoothed(0, (6 / 2.3548200450309493,) * 3)
    wide = smoothed(0, tuple(6 / size for size in func_img.header.get_zooms()[:3]))
    return {
        "first_run_smoothed": (first, [series[..., run == 0].astype(float), in_voxels, wide, first.mean(-1), smoothed(1)]),
        "first_difference": (
            contrasts[..., 0],
            [
                -contrasts[..., 0],
                least_squares(first, boxes(0))["face"],
                difference(0, ("bend",)),
                difference(0, ("others",)),
                one_each["face"] - one_each["house"],
                first[..., shown == "face"].mean(-1) - first[..., shown == "house"].mean(-1),
                detrended[..., shown == "face"].mean(-1) - detrended[..., shown == "house"].mean(-1),
                difference(0, values=series[..., run == 0].astype(float)),
                contrasts[..., 1],
            ],
        ),
        "twelve_differences": (
            contrasts,
            [-contrasts, np.moveaxis(contrasts, -1, 0), np.stack([contrasts[..., 0]] * 12, -1), contrasts.mean(-1), contrasts / 9],
        ),
        "t_of_runs": (
            t,
            [-t, np.abs(t), p, contrasts.mean(-1) / contrasts.std(-1) * np.sqrt(12), t / np.sqrt(12), contrasts.mean(-1), t * 2],
        ),
        "survivors": (
            kept,
            [p <= 0.05, vt & (p <= 0.05), vt & (p <= 0.05 / vt.sum()), discovered, np.abs(t) > limit, kept & (t > 0),
             kept & (t < 0), ~kept, vt],
        ),
        "regions_by_sign": (
            labels,
            [
                numbered(regions(grown(kept))),
                numbered(regions(kept & (t > 0), kept & (t < 0))),
                numbered(regions(grown(grown(kept & (t > 0))), grown(grown(kept & (t < 0))))),
                np.where(house, ndimage.label(house)[0] + ndimage.label(face)[1], ndimage.label(face)[0]),
                labels > 0,
                numbered(regions(face & vt, house & vt)),
                numbered(regions(face)),
                kept,
            ],
        ),
        "peaks": (
            peaks,
            [in_mm(rows, np.eye(4)), in_mm(rows, vt_img.affine), peaks[:, :3],
             in_mm(swapped, box_affine), in_mm(centres, box_affine), np.column_stack([peaks[:, :3], np.abs(peaks[:, 3])])],
        ),
        "left_out_runs": (
            held_out,
            [held_out * [1, -1], held_out[:, ::-1], held_out.T, left_out(percent, circle=True), left_out(inside),
             left_out(percent, measured="in"), held_out / 2],
        ),
        "saved_atlas": (
            saved("right", whole),
            ["there_is_no_such_file.nii.gz", str(text), saved("box", labels.astype(np.int32), box_affine), saved("mean", whole[..., 0]),
             saved("moved", whole, box_affine), saved("decimals", whole.astype(np.float32)), saved("elsewhere", elsewhere)],
        ),
        "what_to_write": ("c", ["a", "b", "d"]),
    }  # fmt: skip

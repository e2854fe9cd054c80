"""The tutorial's steps as it takes them, with today's API: the whole series in memory, smoothed at once.

The peer that the benchmark runs beside `roilessons extract --test volumes`, and the reference that the tests compare the helpers with.
As a script: `python benchmarks/plain.py SUBJECT_DIR` prints the counts as JSON.
"""

import json
import sys
from collections import namedtuple
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from nilearn import image
from nilearn.maskers import NiftiLabelsMasker
from scipy import ndimage, stats

Plain = namedtuple("Plain", "mean t log_p above in_vt dilated labels signals")


def plain(folder, *, contrast=("face", "house"), fwhm=6, threshold=5, iterations=1, double=False):
    """Every step on whole arrays.

    Parameters
    ----------
    folder : Path
        With bold.nii.gz or bold.nii, labels.txt and mask4_vt.nii.gz.
    double : bool
        Compute in double precision, for a comparison to many digits; nilearn takes single for integers.

    Returns
    -------
    Plain
        Arrays (x, y, z); `labels` numbered as SciPy does, not by size; `signals` (volumes, ROIs).
    """
    folder = Path(folder)
    func = next(folder / name for name in ("bold.nii.gz", "bold.nii") if (folder / name).exists())
    conditions = pd.read_csv(folder / "labels.txt", sep=" ")["labels"].to_numpy()

    img = nib.load(func)
    if double:
        img = image.new_img_like(img, np.nan_to_num(img.get_fdata(), nan=0, posinf=0, neginf=0))
    smoothed = image.smooth_img(img, fwhm or None)
    mean = image.get_data(image.mean_img(smoothed))
    data = image.get_data(smoothed)
    with np.errstate(divide="ignore", invalid="ignore"):
        t, p = stats.ttest_ind(data[..., conditions == contrast[0]], data[..., conditions == contrast[1]], axis=-1)
        log_p = -np.log10(p)
    log_p[np.isnan(log_p)] = 0
    log_p[log_p > 10] = 10

    above = log_p >= threshold
    in_vt = above & (image.get_data(image.load_img(folder / "mask4_vt.nii.gz")) > 0)
    dilated = ndimage.binary_dilation(in_vt, iterations=iterations)
    labels, n = ndimage.label(dilated)
    signals = np.empty((len(conditions), 0))
    if n:
        masker = NiftiLabelsMasker(image.new_img_like(smoothed, labels.astype(np.int32)), resampling_target=None, standardize=None)
        signals = masker.fit_transform(smoothed)
    return Plain(mean, t, log_p, above, in_vt, dilated, labels, signals)


if __name__ == "__main__":
    made = plain(sys.argv[1])
    sizes = sorted(np.bincount(made.labels.ravel())[1:].tolist(), reverse=True)
    print(json.dumps({
        "voxels_above_threshold": int(made.above.sum()), "voxels_in_mask": int(made.in_vt.sum()),
        "voxels_dilated": int(made.dilated.sum()), "n_rois": len(sizes), "roi_sizes": sizes,
        "signals_sum": round(float(made.signals.sum()), 1),
    }))  # fmt: skip

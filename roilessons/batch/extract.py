"""All the steps at once, from a subject to four files: what `roilessons extract` does."""

import hashlib
import json
import os
import warnings
from collections import namedtuple
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import nibabel as nib
import numpy as np

from roilessons import __version__, steps
from roilessons.files import draft_folder, is_published, publish, sentence
from roilessons.inference import contrasts, corrections, regions
from roilessons.numbers import check_number
from roilessons.subject import CONDITIONS, load_subject
from roilessons.volumes.smoothing import check_fwhm

OUTPUTS = ("mask_atlas.nii.gz", "rois.tsv", "signals.tsv", "summary.json")
DIGITS = "%.8g"  # of a signal: whatever its unit, more than is measured
PACKAGES = ("nibabel", "nilearn", "numpy", "scipy", "pandas")

Extract = namedtuple("Extract", "out table summary")


INDEPENDENCE = {  # what the p-values of each test take as independent
    "volumes": "They take volumes as independent, which volumes are not: far more false voxels pass than p says. "
    "The test across runs (--test runs, the default) does not have this fault.",
    "runs": "They take runs as independent, with one contrast per run.",
}
CORRECTED = {
    "none": "not corrected for the number of voxels",
    "fdr": "corrected in the mask: false discovery rate",
    "fwe": "corrected in the mask: family-wise error of voxels, by sign flips of runs",
    "cluster": f"corrected in the mask: family-wise error of clusters formed at p <= {10.0**-corrections.FORMING:g}, by sign flips of runs",
}


def extract(subject_dir, out, *, contrast=steps.CONTRAST, fwhm=steps.FWHM, threshold=None, dilate=steps.ITERATIONS,
            conditions=None, test="runs", delay=None, correct=None):  # fmt: skip
    """Compute a subject's ROIs and their signals and write them to a folder.

    Parameters
    ----------
    subject_dir : str or Path
        What `load_subject` takes: a folder, or "simulated" or "haxby".
    out : str or Path
        Folder for the four files of `OUTPUTS`; made if need be. An earlier result in it is kept and refused.
    contrast : pair of str
    fwhm : float, mm
    threshold : float, -log10 p
        By default 5 % where corrected for many voxels, else 3; for the test between volumes 5.
    dilate : int
        Number of dilations.
    conditions : sequence of str, optional
        Conditions that the labels may name besides those of Haxby et al. (2001) and the contrast's.
    test : "runs" or "volumes"
        A test with one contrast per run, whose ROIs prefer one condition each (`roilessons.rois_across_runs`), or the
        tutorial's t-test between volumes (`roilessons.catch_up`).
    delay : int, optional
        Volumes by which the labels are moved, for the test across runs; by default 0.
    correct : "fwe", "fdr", "cluster" or "none", optional
        For many voxels, for the test across runs; by default "fwe".

    Returns
    -------
    Extract
        `out`, the folder; `table`, the DataFrame of ROIs; `summary`, the dictionary written to summary.json.

    Raises
    ------
    FileExistsError
        If `out` holds a result already, or is a file.
    OSError
        If `out` cannot be written.
    ValueError
        If the subject or a setting does not fit, or there are too few runs for the test.
    """
    out = named_folder(out)
    check_free(out)
    delay, correct, threshold = check_settings(fwhm, threshold, dilate, test, delay, correct)
    subject = load_subject(subject_dir, conditions=(*CONDITIONS, *contrast, *(conditions or ())))
    how = {"contrast": contrast, "fwhm": fwhm, "threshold": threshold, "iterations": dilate}
    left_out = []
    if test == "runs":
        _, left_out = contrasts.weights_of_runs(subject.labels, contrast, delay)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Left out")  # it stands in the summary
            made, prefers = regions.rois_across_runs(subject, delay=delay, correct=correct, **how)
        signed = regions.SignedLabels(made.labels_img, prefers)
        table = regions.preference_table(signed, made.t_img, made.log_p_img, contrast)
    else:
        made = steps.catch_up(subject, "signals", **how)
        table = steps.roi_table(made.labels_img, made.t_img, made.log_p_img)
    summary = {
        "settings": {"test": test, "delay": delay, "correct": correct, "contrast": list(contrast), "fwhm": float(fwhm or 0),
                     "threshold": float(threshold), "dilate": dilate, "connectivity": 6},
        "p_values": f"The p-values are {CORRECTED[correct]}. {INDEPENDENCE[test]}",
        "signals": f"In signals.tsv {contrast[0]} minus {contrast[1]} is too large on average: the same runs chose the regions.",
        "runs_left_out": [int(run) for run in left_out],
        "voxels_above_threshold": _count(made.thresholded_img),
        "voxels_in_mask": _count(made.intersected_img),
        "voxels_dilated": _count(made.dilated_img),
        "n_rois": len(table),
        "roi_sizes": table["voxels"].tolist(),
        "inputs": {path.name: {"sha256": checksum(path)} for path in
                   (subject.func, subject.mask_vt, subject.func.parent / "labels.txt")},
        "versions": {"roilessons": __version__} | {name: version(name) for name in PACKAGES},
    }  # fmt: skip
    write(out, made.labels_img, table, made.signals, summary)
    return Extract(out, table, summary)


def named_folder(out):
    """The folder that --out names; ValueError if that is nothing."""
    if not str(out).strip():
        raise ValueError("--out must name a folder, not nothing; '.' is the current one.")
    return Path(os.path.expanduser(out))


def check_settings(fwhm, threshold, dilate, test, delay=None, correct=None):
    """`delay`, `correct` and `threshold`, or their defaults; ValueError unless all makes sense, before anything is read."""
    if test not in INDEPENDENCE:
        raise ValueError(f"The test must be runs or volumes, not {test!r}.")
    if test == "volumes" and (delay is not None or correct is not None):
        raise ValueError("A delay or a correction is for the test across runs (--test runs), not for --test volumes.")
    correct = correct or ("fwe" if test == "runs" else "none")
    if correct not in CORRECTED:
        raise ValueError(f"There is no correction {correct!r}; there are {', '.join(CORRECTED)}.")
    if threshold is None:
        threshold = corrections.THRESHOLDS[correct] if test == "runs" else steps.THRESHOLD
    check_fwhm(fwhm)
    check_number(threshold, "The threshold", "-log10 p", least=0)
    check_number(dilate, "The number of dilations", least=0, whole=True)
    return contrasts.check_delay(delay or 0), correct, threshold


def _count(mask_img):
    return int(np.count_nonzero(mask_img.dataobj))


def checksum(path):
    """SHA-256 of a file, as hexadecimal text."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_free(out):
    """OSError if `out` holds an earlier result, or as in `check_writable`."""
    check_writable(out)
    there = [name for name in OUTPUTS if os.path.lexists(out / name)]
    if there:
        raise FileExistsError(f"{out} already holds {', '.join(there)}; it is kept. Name another folder with --out.")


def check_writable(out):
    """OSError if `out` is a file, or if no folder of that name can be made or written to."""
    try:
        above = next(path for path in (out, *out.absolute().parents) if os.path.lexists(path))
        if not above.is_dir():
            named = "" if above == out else f"{out} "
            kind = "a link that leads to no folder" if above.is_symlink() else "a file" if above.is_file() else "no folder"
            raise FileExistsError(f"{above} is {kind}; --out {named}must name a folder.")
        if above != out:  # a name that the system takes for one
            os.lstat(above / out.absolute().relative_to(above).parts[0])
    except FileNotFoundError:  # it is to be made
        pass
    except FileExistsError:
        raise
    except OSError as error:
        raise OSError(f"Nothing was written: {sentence(error)}") from error
    if not os.access(above, os.W_OK | os.X_OK):
        raise PermissionError(f"Nothing was written to {out}: {above} may not be written to by this user.")


def write(out, labels_img, table, signals, summary):
    """Write the four files to `out`: all of them or none."""
    made_here, whole = not out.exists(), False
    try:
        out.mkdir(parents=True, exist_ok=True)
        with draft_folder(out) as drafts:
            nib.save(labels_img, drafts / OUTPUTS[0])
            table.to_csv(drafts / OUTPUTS[1], sep="\t", index=False, lineterminator="\n")
            signals.to_csv(drafts / OUTPUTS[2], sep="\t", index=False, float_format=DIGITS, lineterminator="\n")
            (drafts / OUTPUTS[3]).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
            check_free(out)
            try:
                for name in OUTPUTS:
                    publish(drafts / name, out / name)
                whole = True
            except BaseException:
                ours = [name for name in OUTPUTS if is_published(drafts / name, out / name)]
                whole = len(ours) == len(OUTPUTS)
                for name in [] if whole else ours:
                    (out / name).unlink(missing_ok=True)
                raise
    except BaseException as error:
        if whole and isinstance(error, KeyboardInterrupt):
            raise KeyboardInterrupt(f"Stopped when everything was written to {out}.") from None
        if made_here:
            with suppress(OSError):
                out.rmdir()
        if isinstance(error, OSError) and not isinstance(error, FileExistsError):
            raise OSError(f"Nothing was written: {out} cannot take the results ({error.strerror or error}).") from error
        raise

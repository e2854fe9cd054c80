"""A simulated subject of the Haxby experiment, with known truth.

The chain is that of a real measurement, and so are the sections of this file: anatomy -> areas -> design -> response
-> noise -> write.  Geometry, design and folder layout are those of Haxby et al. (2001), Science 293:2425; noise and effects
are calibrated on a slice of that data set, before and after the smoothing of 6 mm that the lessons do: how often a test
between blocks that do not differ passes, autocorrelation, what a block is worth, peaks.  docs/calibration.md has the table.

What is planted, by area: faces in the fusiform gyrus (Kanwisher et al. 1997, J Neurosci 17:4302), houses in the
parahippocampal cortex (Epstein & Kanwisher 1998, Nature 392:598), objects in lateral occipital cortex (Malach et al.
1995, PNAS 92:8135), and a general response to any picture in early visual cortex.  All eight categories drive every
area, more or less: that is what Haxby et al. found.

The labels of a block begin 5 s (two volumes) after its first picture.  Why we believe that real labels do, too: by the
paper's design (12 s of rest, then blocks of 24 s with 12 s of rest between) they would begin 1 to 4.5 s after the pictures;
in the real slice the mean response to houses of the 20 voxels that prefer them most is at 16 % of its highest value one volume
before the first label, at 74 % at the first labelled volume and at 16 % right after the last one, and half-way up is where a
blood response is about 5 s after its cause; and face against house, in a test across runs, keeps most voxels with the labels
as they are.  So labels in this data set lie about on the response.

All arithmetic is elementwise or a fixed SciPy filter, in one thread and from seeded generators: the same subject has
the same bytes each time.
"""

from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
from scipy import ndimage

from roilessons.volumes.images import new_image, read_array

RECIPE = 3  # raise it with every change that changes a subject: subjects that were made before are then made again
# Starts every random generator, with the numbers of subject and run. Chosen for a clear first lesson: of the seeds 2012 to
# 2023, tried with areas a little wider than these, it alone kept the four areas of subject 1 apart in the tutorial's mask.
SEED = 2012

# ---- geometry and timing: Haxby et al. (2001) ----
SHAPE = (40, 64, 64)  # voxels, x y z; Haxby et al. (2001)
AFFINE = np.array([[-3.5, 0, 0, 68.25], [0, 3.75, 0, -118.125], [0, 0, 3.75, -118.125], [0, 0, 0, 1]])  # mm; as theirs
N_RUNS, N_VOLUMES = 12, 121  # runs, volumes per run; Haxby et al. (2001)
T_R = 2.5  # seconds; Haxby et al. (2001)
CONDITIONS = ("face", "house", "cat", "bottle", "scissors", "shoe", "chair", "scrambledpix")  # one block of each per run
BLOCK_STARTS = (6, 21, 35, 49, 63, 78, 92, 106)  # volume in the run; labels.txt of the real data
BLOCK_VOLUMES = 9  # volumes; labels.txt of the real data
LABEL_DELAY = 5.0  # seconds from a block's first picture to its first label; the top of this file says why
ONSETS = tuple(T_R * start - LABEL_DELAY for start in BLOCK_STARTS)  # seconds
BLOCK_SECONDS = 24.0  # seconds; Haxby et al. (2001)
HEAD_SCALE = 0.93  # size of the template's brain here; 40 voxels of 3.5 mm are 140 mm, the template is 146 mm wide

# ---- what is planted ----
AREAS = {
    1: "right face area (fusiform)",
    2: "left face area (fusiform)",
    3: "right house area (parahippocampal)",
    4: "left house area (parahippocampal)",
    5: "object areas (lateral occipital, both sides)",
    6: "early visual cortex (any picture)",
}
KINDS = {1: "face", 2: "face", 3: "house", 4: "house", 5: "object", 6: "early visual"}
# Centre of each area and the distance over which it falls, mm; places after the papers named above, on the cortex of the template.
ELLIPSOIDS = {
    1: [((44, -50, -18), (6.2, 12.5, 9))],
    2: [((-44, -51, -18), (5.8, 11, 8.5))],
    3: [((20.5, -43, -10), (5.8, 13, 9))],
    4: [((-20.5, -44, -10), (5.8, 12.5, 8.5))],
    5: [((42, -72, -4), (9, 9, 10)), ((-42, -73, -4), (9, 9, 10))],
    6: [((8, -86, 2), (12, 12, 12)), ((-8, -87, 2), (12, 12, 12))],
}
# Weights below this share of full strength are set to 0, so that the truth is simple: what has any effect is planted. The
# weakest planted voxel answers by 0.3 %, a third of the standard deviation of its noise.
PLANTED = 0.12
# Per cent signal change over rest in the middle of an area; graded as in the real slice, whose strongest house voxels
# rise 2 to 3 % for houses and 0 to 0.6 % for faces, and whose strongest face voxels rise 0.4 to 2.8 %.
#             face house cat bottle scissors shoe chair scrambledpix
RESPONSES = {
    1: (2.5, 0.3, 1.6, 0.7, 0.6, 0.8, 0.7, 0.4),
    2: (2.3, 0.3, 1.6, 0.8, 0.7, 0.9, 0.8, 0.4),
    3: (0.3, 2.6, 0.5, 0.8, 0.7, 0.8, 1.4, 0.6),
    4: (0.3, 2.6, 0.5, 0.9, 0.8, 0.8, 1.4, 0.6),
    5: (1.2, 1.2, 1.3, 1.6, 1.6, 1.7, 1.8, 0.3),
    6: (1.6, 1.6, 1.6, 1.5, 1.5, 1.5, 1.6, 2.0),
}
LEAST = 0.3  # per cent of the mean: a smaller difference between two responses is lost in the noise of twelve runs
RUN_SPREAD = 0.05  # standard deviation over runs of an area's response, as a share of it

# ---- noise, in per cent of a voxel's mean unless stated otherwise; adjusted until the calibration table comes out ----
# Noise lasts a few volumes, not minutes: in the real slice what is slower is a drift within each run and a jump between
# runs. Strengths differ much between voxels, and so do their ratios: that makes the tails of a null distribution.
WHITE_NOISE = 0.52  # % standard deviation of the middle voxel: independent in time and space
FAST_NOISE = 0.61  # % standard deviation: lasts a few volumes, alike in neighbours
BROAD_NOISE = 0.36  # % standard deviation: lasts as long, alike over centimetres
AUTOCORRELATION = 0.605  # of fast and broad noise, from one volume to the next
FAST_WIDTH = 0.58  # voxels, sigma of the Gaussian that makes neighbours alike
BROAD_STEP = 3  # voxels: broad noise is drawn on a grid as coarse as this, and interpolated
STRENGTH_SPREAD = 0.7  # of the logarithm of a voxel's noise above its floor, which is half of the middle one's
LASTING_SPREAD = 1.05  # of the logarithm of its fast and broad noise over its white noise
DRIFT_SPREAD = 1.25  # of the logarithm of its drift and of its run means, above a floor of 0.3
STRONGEST = 6  # % standard deviation of noise, and times the middle voxel's drift: more no voxel of the slice has
SHARED = 0.5  # correlation of the logarithms of noise and of drift
STRENGTH_WIDTH, LASTING_WIDTH = 0.9, 1.6  # voxels, sigma: how far strengths, and shares of lasting noise, are alike
DRIFT = (0.54, 0.22, 0.15)  # % standard deviation of a run's drift: linear, quadratic, one slow wave
OFFSET_GLOBAL, OFFSET_LOCAL = 0.35, 2.05  # % standard deviation of run means: whole head, and place by place
DRIFT_WIDTH = 0.43  # voxels, sigma
THERMAL_NOISE = 1.2  # scanner units, the same everywhere in the head
GREY_SIGNAL = 400.0  # scanner units of grey matter (arbitrary, like a scanner's)


class Plan(NamedTuple):
    """All about a subject but the series: what `plan` returns.  Images are arrays on `SHAPE` and `AFFINE`."""

    mean: np.ndarray  # mean EPI in scanner units, 0 outside the head
    brain: np.ndarray  # bool
    weights: np.ndarray  # (areas, x, y, z), 0 to 1: how strongly a voxel takes part in each area
    truth: np.ndarray  # uint8, numbers of AREAS
    vt: np.ndarray  # bool, ventral temporal mask
    order: np.ndarray  # (runs, 8) the categories of a run's blocks, in order of time
    anat: nib.Nifti1Image  # T1 of the template, 2 mm


# ---- anatomy ----


def _template(kind, shape, affine):
    """The MNI template that nilearn ships (T1, grey or white matter, 0 to 1), scaled and sampled on a grid."""
    from nilearn import datasets

    template = getattr(datasets, f"load_mni152_{kind}")(resolution=1)
    voxel = np.abs(np.diag(affine)[:3]) / HEAD_SCALE  # of the grid, in template mm: average over it, then sample
    smooth = ndimage.uniform_filter(np.asarray(template.dataobj, dtype=np.float32), np.round(voxel).astype(int))
    to_template = np.linalg.inv(template.affine) @ np.diag([1 / HEAD_SCALE] * 3 + [1]) @ affine
    return ndimage.affine_transform(smooth, to_template[:3, :3], to_template[:3, 3], shape, order=1)


def _world():
    """World coordinates in mm of every voxel: three arrays x, y, z."""
    return np.meshgrid(*(AFFINE[a, 3] + AFFINE[a, a] * np.arange(SHAPE[a]) for a in range(3)), indexing="ij")


def _distance(centre, half_axes):
    """Distance from the centre of an ellipsoid: 1 on its surface."""
    return np.sqrt(sum(((w - c) / a) ** 2 for w, c, a in zip(_world(), centre, half_axes)))


def anatomy():
    """Mean EPI (scanner units), brain mask and grey matter (0 to 1) on the grid of the series.

    T2* contrast, the T1 turned round: fluid brighter than grey, grey brighter than white.  Air in the sinus and the
    ear canals takes signal away near them; the template has no scalp, so a dim one is drawn beyond a dark skull.
    """
    grey, t1 = _template("gm_template", SHAPE, AFFINE), _template("template", SHAPE, AFFINE)
    inside = ndimage.binary_fill_holes(t1 > 0.15)
    mean = GREY_SIGNAL * (1.8 - 1.15 * t1) * np.clip(t1 / 0.28, 0, 1)  # T1: grey 0.7, white 0.87, fluid 0.3, air 0
    for centre, radius in (((0, 34, -26), 15), ((50, -12, -34), 12), ((-50, -12, -34), 12)):
        mean *= 1 - 0.75 * np.exp(-0.5 * _distance(centre, [radius] * 3) ** 2)
    gap = ndimage.distance_transform_edt(~inside, sampling=np.abs(np.diag(AFFINE)[:3]))  # mm from the brain
    mean = np.where(inside, mean, GREY_SIGNAL * np.where(gap < 5, 0.08, 0.2))
    mean = np.where(gap < 9, ndimage.gaussian_filter(mean, 0.4), 0)  # blurred by the scanner
    return mean.astype(np.float32), inside & (t1 > 0.3), grey


# ---- areas ----


def plan(number, effects=True):
    """Lay out subject `number` (1 to 6): anatomy, planted areas, ventral temporal mask and block order.

    The areas of every subject lie a few mm elsewhere, and differ in size and in strength.
    Without `effects` nothing is planted: `weights` and `truth` are 0, all else is the same.
    """
    if number not in range(1, 7):
        raise ValueError(f"There are simulated subjects 1 to 6; there is no subject {number!r}.")
    rng = np.random.default_rng([SEED, number])
    mean, brain, grey = anatomy()
    weights = np.zeros((len(AREAS), *SHAPE), dtype=np.float32)
    size = rng.uniform(0.9, 1.05)
    cortex = brain * np.clip(1.8 * ndimage.gaussian_filter(grey, 0.7), 0, 1)  # blood blurs the borders of grey matter
    for area, ellipsoids in ELLIPSOIDS.items():
        shift, strength = rng.uniform(-2, 2, 3), rng.uniform(0.85, 1)
        for centre, half_axes in ellipsoids:
            r = _distance(np.add(centre, shift), np.multiply(half_axes, size))
            weight = strength * np.clip(1.5 * np.exp(-1.2 * r**2), 0, 1)  # a plateau in the middle, long slopes
            weights[area - 1] = np.maximum(weights[area - 1], weight)
    weights *= cortex
    weights[weights < PLANTED] = 0
    if not effects:
        weights[:] = 0
    # A voxel may take part in several areas: then it has the number of a face or house area, if it is in one.
    first, second = weights[:4], weights[4:]
    truth = np.where(first.any(0), 1 + first.argmax(0), np.where(second.any(0), 5 + second.argmax(0), 0)).astype(np.uint8)
    order = np.array([rng.permutation(CONDITIONS) for _ in range(N_RUNS)])
    anat_shape, anat_affine = (72, 90, 76), np.array([[-2.0, 0, 0, 71], [0, 2, 0, -104], [0, 0, 2, -70], [0, 0, 0, 1]])
    t1 = _template("template", anat_shape, anat_affine)
    anat = nib.Nifti1Image(np.round(255 * t1).astype(np.uint8), anat_affine)
    return Plan(mean, brain, weights, truth, ventral_temporal(grey, brain), order, anat)


def ventral_temporal(grey, brain):
    """Ventral temporal mask (bool): parahippocampal, fusiform and inferior temporal cortex of both hemispheres."""
    x, y, z = _world()
    x = np.abs(x)
    floor = -15 - 0.43 * (x - 20) - 0.28 * (y + 46)  # mm: the tentorium, below which the cerebellum lies
    box = (x > 14) & (x < 54) & (y > -66) & (y < -28) & (z < -4)
    return brain & (grey > 0.4) & box & (z > floor) & (z < floor + 13)


# ---- design ----


def label_lines(order):
    """The lines of labels.txt: `labels chunks`, then condition and run of every volume."""
    lines = ["labels chunks"]
    for run, blocks in enumerate(order):
        conditions = ["rest"] * N_VOLUMES
        for start, condition in zip(BLOCK_STARTS, blocks):
            conditions[start : start + BLOCK_VOLUMES] = [str(condition)] * BLOCK_VOLUMES
        lines += [f"{condition} {run}" for condition in conditions]
    return lines


# ---- response ----


def _time_courses(blocks):
    """Response of each category in one run, (volumes, categories): blocks seen through Glover's (1999) HRF."""
    from nilearn.glm.first_level.hemodynamic_models import compute_regressor

    onsets = dict(zip(blocks, ONSETS))
    blocks = [([onsets[condition]], [BLOCK_SECONDS], [1.0]) for condition in CONDITIONS]  # onset, duration, height
    return np.hstack([compute_regressor(np.array(block), "glover", T_R * np.arange(N_VOLUMES))[0] for block in blocks])


# ---- noise ----


def _field(rng, shape, sigma):
    """White noise smoothed over space (sigma in voxels), standard deviation 1."""
    noise = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma, mode="wrap", truncate=3)
    kernel = ndimage.gaussian_filter1d(np.eye(1, 25, 12)[0], sigma, truncate=3)
    return noise / np.float32(np.sum(kernel**2) ** 1.5)


def _coarse(rng, shape):
    """White noise on a grid of every `BROAD_STEP`-th voxel, smoothed a little, standard deviation 1."""
    return _field(rng, [-(-n // BROAD_STEP) for n in shape], 0.8)


def _interpolated(coarse, shape):
    """A coarse field on the full grid: straight lines between its points (the last one meets the first)."""
    for axis, n in enumerate(shape):
        here = np.moveaxis(coarse, axis, 0)
        there = np.roll(here, -1, 0)
        parts = [here + np.float32(k / BROAD_STEP) * (there - here) for k in range(BROAD_STEP)]
        coarse = np.moveaxis(np.stack(parts, axis=1).reshape(-1, *here.shape[1:])[:n], 0, axis)
    return coarse


class Strengths(NamedTuple):
    """Noise of every voxel of the head, % standard deviation, and `drift` over that of the middle voxel."""

    white: np.ndarray
    fast: np.ndarray
    broad: np.ndarray
    drift: np.ndarray


def _at_most(strength):
    """Strengths bent so that none is above `STRONGEST`: a log-normal distribution has no end, and real voxels have one."""
    return STRONGEST * np.tanh(strength / STRONGEST)


def _strengths(rng, mean, head):
    """How strong the noise of every voxel is: log-normal with an end, as over the voxels of the real slice."""
    noise, drift = (_field(rng, head.shape, STRENGTH_WIDTH)[head] for _ in range(2))
    share = _field(rng, head.shape, LASTING_WIDTH)[head]
    strength, lasting = 0.5 + 0.5 * np.exp(STRENGTH_SPREAD * noise), np.exp(LASTING_SPREAD * share)
    white = np.hypot(WHITE_NOISE * strength, 100 * THERMAL_NOISE / mean)
    kinds = np.array([white, FAST_NOISE * strength * lasting, BROAD_NOISE * strength * lasting])
    total = np.sqrt(np.square(kinds).sum(0))
    drifting = 0.3 + 0.7 * np.exp(DRIFT_SPREAD * (SHARED * noise + (1 - SHARED**2) ** 0.5 * drift))
    return Strengths(*(kinds * _at_most(total) / total), _at_most(drifting))


def _run(rng, mean, weights, strengths, head, blocks):
    """Yield the volumes of one run as vectors of the voxels in `head`, float, in scanner units.

    `mean`, the `strengths` of the noise and `weights` (areas first) are such vectors, too.
    """

    def field(sigma):
        return _field(rng, head.shape, sigma)[head]

    gains = 1 + RUN_SPREAD * rng.standard_normal(len(AREAS))
    response = gains * (_time_courses(blocks) @ np.array([RESPONSES[area] for area in AREAS]).T)  # % (volumes, areas)
    planted = np.flatnonzero(weights.max(0))
    t = np.linspace(-1, 1, N_VOLUMES, dtype=np.float32)
    trends = [np.sqrt(3) * t, np.sqrt(5) * (1.5 * t**2 - 0.5), np.sqrt(2) * np.sin(2 * np.pi * (t + rng.uniform(0, 1)))]
    drifts = [sd * strengths.drift * field(DRIFT_WIDTH) for sd in DRIFT]
    offset = OFFSET_GLOBAL * rng.standard_normal() + OFFSET_LOCAL * strengths.drift * field(DRIFT_WIDTH)
    fast, broad = field(FAST_WIDTH), _coarse(rng, head.shape)
    fresh = (1 - AUTOCORRELATION**2) ** 0.5
    for v in range(N_VOLUMES):
        fast = AUTOCORRELATION * fast + fresh * field(FAST_WIDTH)
        broad = AUTOCORRELATION * broad + fresh * _coarse(rng, head.shape)
        percent = offset + strengths.fast * fast + strengths.broad * _interpolated(broad, head.shape)[head]
        percent += strengths.white * rng.standard_normal(len(mean), dtype=np.float32)
        percent += sum(np.float32(trend[v]) * drift for trend, drift in zip(trends, drifts))
        percent[planted] += (weights[:, planted] * response[v][:, None]).sum(0)
        yield mean * (1 + percent / 100)


# ---- write ----


def _header():
    """Header of the series: int16 without scaling, mm and seconds, the affine of the real data."""
    header = nib.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape((*SHAPE, N_RUNS * N_VOLUMES))
    header.set_qform(AFFINE, code="scanner")
    header.set_sform(AFFINE, code="scanner")
    header.set_zooms((*np.abs(np.diag(AFFINE)[:3]), T_R))
    header.set_xyzt_units("mm", "sec")
    return header


def _write_series(path, subject, number, progress):
    """Make the series volume by volume and compress it on the way: it is never whole in memory."""
    from isal import igzip
    from tqdm.auto import tqdm

    head = subject.mean > 0
    box = ndimage.find_objects(head.astype(int))[0]  # fields of noise are made in the box around the head
    mean, weights = subject.mean[head], subject.weights[:, head]
    strengths = _strengths(np.random.default_rng([SEED, number, N_RUNS]), mean, head[box])
    volume = np.zeros(SHAPE, dtype=np.int16)
    with open(path, "wb") as raw, igzip.GzipFile("", "wb", 2, raw, mtime=0) as out:  # no name, no date: same bytes
        _header().write_to(out)
        runs = tqdm(subject.order, f"Simulating subject {number}", unit="run", disable=not progress, leave=False)
        for run, blocks in enumerate(runs):
            rng = np.random.default_rng([SEED, number, run])
            for values in _run(rng, mean, weights, strengths, head[box], blocks):
                volume[head] = np.maximum(np.rint(values), 1)
                out.write(volume.tobytes(order="F"))


def make_subject(number, folder, progress=True, *, effects=True):
    """Write simulated subject `number` in the layout of the real download.

    Parameters
    ----------
    number : int
        1 to 6.
    folder : path
        Folder of the subject, as ``roilessons_simulated/subj1``; ``mask.nii.gz``, the same for all six, goes beside it,
        as in the real download.  Existing files are overwritten, and an incomplete subject stays if this is killed:
        `roilessons.datasets.cache` calls it in a temporary folder, which is renamed when it is complete.
    progress : bool
        Show a progress bar over the 12 runs.
    effects : bool
        False plants nothing: the same head and the same noise, and whatever is found there is noise.

    Returns
    -------
    folder : Path
        With bold.nii.gz, labels.txt, mask4_vt.nii.gz, anat.nii.gz and truth.nii.gz (numbers of `AREAS`).
    """
    folder = Path(folder)
    subject = plan(number, effects)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "labels.txt").write_text("\n".join(label_lines(subject.order)) + "\n", newline="\n")
    nib.save(subject.anat, folder / "anat.nii.gz")
    masks = {folder / "mask4_vt": subject.vt, folder / "truth": subject.truth, folder.parent / "mask": subject.brain}
    for path, data in masks.items():
        nib.save(nib.Nifti1Image(data.astype(np.uint8), AFFINE), f"{path}.nii.gz")  # no date in there
    _write_series(folder / "bold.nii.gz", subject, number, progress)
    return folder


# ---- what should be found ----


def planted(truth_img, contrast):
    """Of the simulated areas those that a contrast's mask should find: their responses to its conditions differ by `LEAST` or more.

    Parameters
    ----------
    truth_img : 3D image or None
    contrast : pair of str, or () for all areas

    Returns
    -------
    3D image or None
    """
    columns = [*CONDITIONS, "rest"]
    if truth_img is None or not contrast or not {*contrast} <= {*columns}:
        return truth_img
    first, second = (columns.index(condition) for condition in contrast)
    responses = {area: (*strengths, 0) for area, strengths in RESPONSES.items()}
    differ = [area for area, of in responses.items() if abs(of[first] - of[second]) >= LEAST]
    areas = read_array(truth_img)
    return new_image(np.where(np.isin(areas, differ), areas, 0), truth_img, np.uint8)


def kinds(truth_img):
    """What planted areas are called together: "face and house areas"; "" where there are none."""
    numbers = np.unique(read_array(truth_img))
    *first, last = dict.fromkeys(KINDS.get(int(number), "other") for number in numbers if number > 0) or [""]
    return f"{', '.join(first)}{' and ' if first else ''}{last} areas" if last else ""

"""A simulated subject of the Haxby experiment, with known truth.

The chain is that of a real measurement, and so are the sections of this file: anatomy -> areas -> design -> response
-> noise -> write.  Geometry, design and folder layout are those of Haxby et al. (2001), Science 293:2425; the noise is
calibrated on a slice of that data set, measured in voxels brighter than 0.3 of the 98th percentile of the mean image
after a quadratic detrend of each run: temporal SNR 104, lag-1 autocorrelation 0.32, lag-2 0.17, correlation of
neighbours 0.20 to 0.35, run means that vary by 1.8 %, raw standard deviation 2.2 times the detrended one.

What is planted, by area: faces in the fusiform gyrus (Kanwisher et al. 1997, J Neurosci 17:4302), houses in the
parahippocampal cortex (Epstein & Kanwisher 1998, Nature 392:598), objects in lateral occipital cortex (Malach et al.
1995, PNAS 92:8135), and a general response to any picture in early visual cortex.  All eight categories drive every
area, more or less: that is what Haxby et al. found.

All arithmetic is elementwise or a fixed SciPy filter, in one thread and from seeded generators: the same subject has
the same bytes each time.
"""

from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
from scipy import ndimage

RECIPE = 1  # raise it with every change that changes a subject: subjects that were made before are then made again
SEED = 2012  # starts every random generator, with the numbers of subject and run; subject 1 is a good first lesson

# ---- geometry and timing: Haxby et al. (2001) ----
SHAPE = (40, 64, 64)  # voxels, x y z; Haxby et al. (2001)
AFFINE = np.array([[-3.5, 0, 0, 68.25], [0, 3.75, 0, -118.125], [0, 0, 3.75, -118.125], [0, 0, 0, 1]])  # mm; as theirs
N_RUNS, N_VOLUMES = 12, 121  # runs, volumes a run; Haxby et al. (2001)
T_R = 2.5  # seconds; Haxby et al. (2001)
CONDITIONS = ("face", "house", "cat", "bottle", "scissors", "shoe", "chair", "scrambledpix")  # one block a run each
BLOCK_STARTS = (6, 21, 35, 49, 63, 78, 92, 106)  # volume in the run; labels.txt of the real data
BLOCK_VOLUMES = 9  # volumes; labels.txt of the real data
ONSETS = tuple(12.0 + 36.0 * block for block in range(8))  # seconds; Haxby et al. (2001): 12 s of rest between
BLOCK_SECONDS = 24.0  # seconds; Haxby et al. (2001). So the labels, there and here, start 1 to 4.5 s after the pictures
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
# Centre of each ellipsoid and its half axes, mm; places after the papers named above, on the cortex of the template.
ELLIPSOIDS = {
    1: [((43, -50, -18), (9, 11.5, 8))],
    2: [((-43, -51, -18), (8, 9, 7.5))],
    3: [((21, -43, -10), (7.5, 11, 8))],
    4: [((-21, -44, -10), (7.5, 10, 8))],
    5: [((42, -72, -4), (9, 9, 10)), ((-42, -73, -4), (9, 9, 10))],
    6: [((8, -86, 2), (12, 12, 12)), ((-8, -87, 2), (12, 12, 12))],
}
# Per cent signal change over rest in the middle of an area; graded as in the real slice, whose strongest house voxels
# rise 2 to 3 % for houses and 0 to 0.6 % for faces, and whose strongest face voxels rise 0.4 to 2.8 %.
#             face house cat bottle scissors shoe chair scrambledpix
RESPONSES = {
    1: (2.6, 0.4, 1.7, 0.7, 0.6, 0.8, 0.7, 0.4),
    2: (2.4, 0.4, 1.7, 0.8, 0.7, 0.9, 0.8, 0.4),
    3: (0.4, 2.8, 0.5, 0.8, 0.7, 0.8, 1.4, 0.6),
    4: (0.4, 2.8, 0.5, 0.9, 0.8, 0.8, 1.4, 0.6),
    5: (1.2, 1.2, 1.3, 1.6, 1.6, 1.7, 1.8, 0.3),
    6: (1.6, 1.6, 1.6, 1.5, 1.5, 1.5, 1.6, 2.0),
}
WEAKER = {(3, 4): 0.985}  # subject and area: as drawn, subject 3's strongest house voxels would rise by more than 3 %

# ---- noise, in per cent of a voxel's mean unless said; tuned until the figures at the top come out ----
FAST_NOISE = 0.64  # % standard deviation: neighbours in time and space are alike
WHITE_NOISE = 0.46  # % standard deviation: independent in time and space
SLOW_NOISE = 0.30  # % standard deviation: breathing, vessels, the mind wandering
VESSEL_NOISE = 6.5  # % more for every standard deviation by which large vessels run thicker than usual
FAST_MEMORY, SLOW_MEMORY = 0.5, 0.85  # autocorrelation: of fast noise over one volume, of slow noise over four
FAST_WIDTH, SLOW_WIDTH = 0.55, 0.9  # voxels, sigma of the Gaussian that makes neighbours alike
DRIFT = (0.5, 0.4, 0.2)  # % standard deviation over places of a run's drift: linear, quadratic, one slow wave
OFFSET_GLOBAL, OFFSET_LOCAL = 0.8, 1.4  # % standard deviation of run means: whole head, and place by place
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
    size = rng.uniform(0.95, 1.1)
    for area, ellipsoids in ELLIPSOIDS.items():
        shift, strength = rng.uniform(-2, 2, 3), rng.uniform(0.9, 1.1) * WEAKER.get((number, area), 1)
        for centre, half_axes in ellipsoids:
            r = _distance(np.add(centre, shift), np.multiply(half_axes, size))
            weights[area - 1] += strength * np.clip(1.3 * (1 - r**2), 0, 1)  # a plateau in the middle, smooth edges
    weights *= (grey > 0.35) & brain
    weights[weights < weights.max(0)] = 0  # a voxel belongs to one area: the stronger one
    if not effects:
        weights[:] = 0
    truth = np.where(weights.max(0) > 0, weights.argmax(0) + 1, 0).astype(np.uint8)
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


def _noise_maps(rng, subject, box):
    """Strength of the fast and of the slow noise, in % at each voxel of the head: no two places are alike.

    Slow noise is strongest at large vessels, which run along the cortex but not in white matter.
    """
    head = subject.mean[box] > 0
    fast = FAST_NOISE * np.exp(0.35 * _field(rng, head.shape, 1)[head])
    cortex = (subject.brain & (subject.mean > 0.87 * GREY_SIGNAL))[box][head]
    vessels = np.clip(_field(rng, head.shape, 0.7)[head] - 0.6, 0, 1.2)
    return fast, SLOW_NOISE + VESSEL_NOISE * np.where(cortex, vessels, 0)


def _run(rng, mean, weights, fast_noise, slow_noise, head, blocks):
    """Yield the volumes of one run as vectors of the voxels in `head`, float, in scanner units.

    `mean`, `fast_noise`, `slow_noise` and `weights` (areas first) are such vectors, too.
    """

    def field(sigma):
        return _field(rng, head.shape, sigma)[head]

    response = _time_courses(blocks) @ np.array([RESPONSES[area] for area in AREAS]).T  # % (volumes, areas)
    planted = np.flatnonzero(weights.max(0))
    t = np.linspace(-1, 1, N_VOLUMES, dtype=np.float32)
    trends = [t, 1.5 * t**2 - 0.5, np.sin(6.28 * (t + rng.uniform(0, 1)))]
    drifts = [sd * field(3) for sd in DRIFT]
    offset = OFFSET_GLOBAL * rng.standard_normal() + OFFSET_LOCAL * field(1)
    white_noise = np.hypot(WHITE_NOISE, 100 * THERMAL_NOISE / mean)
    fast, slow = field(FAST_WIDTH), field(SLOW_WIDTH)
    aim = slow
    for v in range(N_VOLUMES):
        fast = FAST_MEMORY * fast + (1 - FAST_MEMORY**2) ** 0.5 * field(FAST_WIDTH)
        if v % 4 == 0:  # slow noise has a new aim every 10 s, and goes there in a straight line
            aim = SLOW_MEMORY * aim + (1 - SLOW_MEMORY**2) ** 0.5 * field(SLOW_WIDTH)
            step = (aim - slow) / 4
        slow = slow + step
        percent = offset + fast_noise * fast + slow_noise * slow
        percent += white_noise * rng.standard_normal(len(mean), dtype=np.float32)
        percent += sum(trend[v] * drift for trend, drift in zip(trends, drifts))
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
    fast_noise, slow_noise = _noise_maps(np.random.default_rng([SEED, number, N_RUNS]), subject, box)
    mean, weights = subject.mean[head], subject.weights[:, head]
    volume = np.zeros(SHAPE, dtype=np.int16)
    with open(path, "wb") as raw, igzip.GzipFile("", "wb", 2, raw, mtime=0) as out:  # no name, no date: same bytes
        _header().write_to(out)
        runs = tqdm(subject.order, f"Simulating subject {number}", unit="run", disable=not progress, leave=False)
        for run, blocks in enumerate(runs):
            rng = np.random.default_rng([SEED, number, run])
            for values in _run(rng, mean, weights, fast_noise, slow_noise, head[box], blocks):
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
        as in the real download.  What is there is overwritten, and half a subject stays if this is killed: `store`
        names a place where nobody looks, and gives what was made there its name when it is whole.
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

"""From decisions to masks, ROIs and sentences. No widget here, only functions.

A reader's decisions are one frozen value, and everything shown follows from it.
"""

import dataclasses
from collections import namedtuple
from dataclasses import dataclass

import nibabel as nib
import numpy as np
from nibabel.affines import apply_affine

from roilessons import steps
from roilessons.numbers import check_number

Result = namedtuple("Result", "thresholded_img mask_img dilated_img labels_img table")


@dataclass(frozen=True)
class Decisions:
    """What one has to decide on the way from a series to ROIs. ValueError, in a sentence, for what cannot be.

    Attributes
    ----------
    fwhm : float
        Smoothing, mm; 0 for none.
    threshold : float
        Smallest -log10 p that is kept, 0 or more.
    intersection : bool
        Whether only voxels of the VT mask are kept.
    iterations : int
        Dilations, 0 or more.
    connectivity : 6, 18 or 26
    minimum_size : int
        Smallest ROI, in voxels, 1 or more.
    test : "volumes" or "runs"
        The tutorial's t-test between volumes, or a t-test with one contrast per run, whose ROIs prefer one condition each.
        Neither p is corrected for the number of voxels.
    """

    fwhm: float = steps.FWHM
    threshold: float = steps.THRESHOLD
    intersection: bool = True
    iterations: int = steps.ITERATIONS
    connectivity: int = 6
    minimum_size: int = 1
    test: str = "volumes"

    def __post_init__(self):
        object.__setattr__(self, "fwhm", check_number(self.fwhm, "fwhm", "width in mm", least=0))
        object.__setattr__(self, "threshold", check_number(self.threshold, "The threshold", "-log10 p", least=0))
        if not isinstance(self.intersection, (bool, np.bool_)):
            raise ValueError(f"intersection must be True or False, not {self.intersection!r}.")
        check_number(self.iterations, "The number of dilations", least=0, whole=True)
        check_number(self.minimum_size, "The minimum size", least=1, whole=True)
        if self.connectivity not in tuple(steps.CONNECTIVITY):
            raise ValueError(f"connectivity must be 6, 18 or 26 neighbours, not {self.connectivity!r}.")
        if self.test not in ("volumes", "runs"):
            raise ValueError(f"The test must be volumes or runs, not {self.test!r}.")


PRESETS = {
    "The tutorial's": Decisions(),
    "By runs": Decisions(test="runs", threshold=3, minimum_size=10),
    "Strict": Decisions(threshold=8, iterations=0, minimum_size=20),
}
NAMES = tuple(field.name for field in dataclasses.fields(Decisions))


def decide(maps, mask_vt, decisions, contrast=steps.CONTRAST):
    """Masks, ROIs and their table that follow from decisions.

    Parameters
    ----------
    maps : roilessons.explorer.subject_maps.Maps
        Of the test that was decided on.
    mask_vt : path or 3D image
    decisions : Decisions
    contrast : pair of str

    Returns
    -------
    Result
        Nothing but None without a t-test.
    """
    if maps.log_p_img is None:
        return Result(None, None, None, None, None)
    thresholded = steps.threshold(maps.log_p_img, decisions.threshold)
    mask = steps.intersect(thresholded, mask_vt) if decisions.intersection else thresholded
    dilated = steps.dilate(mask, decisions.iterations)
    how = decisions.connectivity, decisions.minimum_size
    if decisions.test == "runs":
        from roilessons.inference import regions  # when it is wanted: it takes SciPy's statistics along

        signed = regions.label_by_sign(mask, maps.t_img, contrast, decisions.iterations, *how)
        table = regions.preference_table(signed, maps.t_img, maps.log_p_img, contrast)
        return Result(thresholded, mask, dilated, signed.labels_img, table)
    labels = steps.label(dilated, *how)
    return Result(thresholded, mask, dilated, labels, steps.roi_table(labels, maps.t_img, maps.log_p_img))


def describe(result, decisions, upto="labels"):
    """The numbers of a result, one line per step, up to "mean", "log_p", "mask", "dilated" or "labels"."""
    if upto == "mean" or result.labels_img is None:
        return f"Smoothed by {decisions.fwhm:g} mm (FWHM)." if decisions.fwhm else "Not smoothed."
    kept, inside, grown = (int(np.count_nonzero(img.dataobj)) for img in result[:3])
    by = " by the test across runs, p not corrected" if decisions.test == "runs" else ""
    lines = [f"Threshold {decisions.threshold:g}: {voxels(kept)} at or above it{by}."]
    if upto != "log_p":
        lines.append(f"In the VT mask: {voxels(inside)}." if decisions.intersection else f"No VT mask: {voxels(inside)}.")
    if upto in ("dilated", "labels"):
        times = "1 dilation" if decisions.iterations == 1 else f"{decisions.iterations} dilations"
        lines.append(f"After {times}: {voxels(grown)}.")
    if upto == "labels":
        sizes = result.table["voxels"].tolist()
        rois = "1 ROI" if len(sizes) == 1 else f"{len(sizes)} ROIs"
        listed = ", ".join(map(str, sizes[:8])) + (", ..." if len(sizes) > 8 else "")
        least = f" of {decisions.minimum_size} voxels or more" if decisions.minimum_size > 1 else ""
        lines.append(f"{rois}{least} by {decisions.connectivity}-connectivity" + (f": {listed} voxels." if sizes else "."))
    return "\n".join(lines)


def describe_score(mask_img, truth_img, areas):
    """How a mask compares with the planted areas, called `areas`, as a sentence: see `roilessons.score`."""
    if not areas:
        return "No score: no planted area differs enough between these two."
    row = steps.score(mask_img, truth_img).loc["all"]
    if not np.isfinite(row["false_discovery_proportion"]):
        return f"Against the planted {areas}: nothing found."
    return (
        f"Against the planted {areas}: Dice {row['dice']:.2f}, sensitivity {row['sensitivity']:.2f}, "
        f"{100 * row['false_discovery_proportion']:.0f} % of the voxels false."
    )


def voxels(count):
    return "1 voxel" if count == 1 else f"{count:,} voxels"


def nearest_voxel(affine, shape, cut_coords):
    """The voxel (i, j, k) whose centre is nearest to a place in mm, within the image."""
    try:
        place = np.asarray(cut_coords, float)
    except (TypeError, ValueError):
        place = np.full(3, np.nan)
    if place.shape != (3,) or not np.isfinite(place).all():
        raise ValueError(f"cut_coords must be three numbers, x, y and z in mm, not {cut_coords!r}.")
    index = np.rint(apply_affine(np.linalg.inv(affine), place)).astype(int)
    return tuple(int(i) for i in np.clip(index, 0, np.asarray(shape[:3]) - 1))


def limits(affine, shape):
    """For x, y and z in mm: centre of the first voxel, of the last, and the distance between two."""
    corners = apply_affine(affine, np.array(np.meshgrid(*[(0, n - 1) for n in shape[:3]])).reshape(3, -1).T)
    spacing = np.zeros(3)
    for size, (world, _) in zip(nib.affines.voxel_sizes(affine), nib.io_orientation(affine), strict=True):
        spacing[int(world)] = size
    return [(float(low), float(high), float(mm)) for low, high, mm in zip(corners.min(0), corners.max(0), spacing, strict=True)]


def look(cut_coords, named):
    """What is at a place: mm, voxel index and the value of every image there, as a sentence.

    Parameters
    ----------
    cut_coords : (x, y, z) in mm
    named : dict
        What it is called -> 3D image; the first gives the grid.
    """
    first = next(iter(named.values()))
    voxel = nearest_voxel(first.affine, first.shape, cut_coords)
    x, y, z = (round(mm, 6) for mm in cut_coords)  # a page's slider is off by less
    parts = [f"x {x:.1f}, y {y:.1f}, z {z:.1f} mm", f"voxel {voxel[0]}, {voxel[1]}, {voxel[2]}"]
    for name, img in named.items():
        value = img.dataobj[voxel]
        if "log10 p" in name:
            parts.append(f"{name} {steps.CAP} (capped)" if value >= steps.CAP else f"{name} {value:.2f}")
        elif img.get_data_dtype().kind == "f":
            parts.append(f"{name} {value:.2f}")
        elif "mask" in name:
            parts.append(f"{name}: {'inside' if value else 'outside'}")
        else:
            parts.append(f"{name}: {int(value) or 'none'}")
    return " · ".join(parts)

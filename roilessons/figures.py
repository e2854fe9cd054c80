"""Figures that can be read without being seen: each goes out with a description computed from its data."""

import io
from base64 import b64encode
from html import escape

import numpy as np
from nibabel.affines import apply_affine

from roilessons.volumes.images import read_array

DPI = 80

# One table for the whole course. Conditions and masks have Okabe and Ito's colours, told apart with any colour vision
# (https://jfly.uni-koeln.de/color/). Those of ROIs were chosen to differ from them, from each other and from the map's
# (viridis), also as seen with a red, green or blue deficiency (Machado et al. 2009, IEEE TVCG 15:1291).
COLOURS = {
    "face": "#56B4E9", "house": "#E69F00", "other": "#D9D9D9", "rest": "#8C8C8C",  # conditions: blue, orange, greys
    "vt": "#CC79A7", "mask": "#D55E00", "dilated": "#F0E442", "truth": "#FFFFFF",  # pink, vermilion, yellow, white
}  # fmt: skip
COLOURS_OF_ROIS = ("#FF3B30", "#A5F2F3", "#A63CFF", "#FFFFA8", "#9D9DFF", "#9D4E4E")  # red, pale blue, violet, cream, lavender, brown


def condition_colour(condition, contrast=("face", "house")):
    """The colour of a condition: of a contrast of others than faces and houses, the first has that of faces."""
    if condition in ("face", "house") or condition not in contrast:
        return COLOURS.get(condition if condition in ("face", "house", "rest") else "other")
    free = [colour for colour in ("face", "house") if colour not in contrast]
    return COLOURS[free[[name for name in contrast if name not in ("face", "house")].index(condition)]]


def roi_colours(n):
    """A colour map for ROIs 1 to `n`: the same ROI has the same colour in every figure of the course.

    Parameters
    ----------
    n : int
        How many ROIs; the colours come again after the last.

    Returns
    -------
    matplotlib.colors.ListedColormap
    """
    from matplotlib.colors import ListedColormap

    return ListedColormap([COLOURS_OF_ROIS[i % len(COLOURS_OF_ROIS)] for i in range(max(1, n))])


def png(figure):
    """A figure as the bytes of a small PNG.

    Parameters
    ----------
    figure : matplotlib Figure, or a display that a nilearn plotting function returned
    """
    from PIL import Image

    figure = getattr(getattr(figure, "frame_axes", None), "figure", figure)
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.1)
    # A palette halves the bytes, and this way of choosing it keeps the colours of small areas.
    picture = Image.open(drawn).convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE)
    picture.save(small, format="png", optimize=True)
    return small.getvalue()


def html(picture, description):
    """HTML of a PNG with its description as alternative text and as visible caption."""
    text = escape(description, quote=True)
    source = f"data:image/png;base64,{b64encode(picture).decode()}"
    return f'<figure style="margin:0"><img alt="{text}" src="{source}"><figcaption>{text}</figcaption></figure>'


def show(figure, description):
    """Show a figure under its description, and close it.

    The output holds HTML (picture, alternative text, caption), the plain picture for viewers without HTML, and the
    description as plain text.

    Parameters
    ----------
    figure : matplotlib Figure, or a display that a nilearn plotting function returned
    description : str
        What the figure shows, in numbers: see the `describe_` functions.
    """
    import matplotlib.pyplot as plt
    from IPython.display import display

    picture = png(figure)
    plt.close(getattr(getattr(figure, "frame_axes", None), "figure", figure))
    bundle = {"text/plain": description, "text/html": html(picture, description), "image/png": b64encode(picture).decode()}
    display(bundle, raw=True, metadata={"image/png": {"alt": description}})


def describe_map(img, cut_coords, name="-log10 p", threshold=None):
    """What a map shows: its range, where its extremes are, how much of it is at or above a threshold.

    Parameters
    ----------
    img : 3D image
    cut_coords : (x, y, z) in mm
    name : str
        What the values are, with their unit.
    threshold : float, optional
        In the units of the map.

    Returns
    -------
    str
    """
    values = read_array(img)
    low, high = (np.unravel_index(find(values), values.shape) for find in (np.argmin, np.argmax))
    text = f"{name}, cut at {_place(cut_coords)}. From {values[low]:.1f}"
    if values[low] < 0:
        text += f" at {_place(apply_affine(img.affine, low))}"
    text += f" to {values[high]:.1f}"
    if (values == values[high]).sum() == 1:
        text += f" at {_place(apply_affine(img.affine, high))}"
    if threshold is not None:
        text += f"; {int((values >= threshold).sum()):,} voxels at or above {threshold:g}"
    return text + "."


def describe_mask(mask_img, cut_coords):
    """What a mask shows: how many voxels, how many on each side, where its middle is, how many each cut meets.

    Parameters
    ----------
    mask_img : 3D image
        Voxels above 0 are in the mask.
    cut_coords : (x, y, z) in mm

    Returns
    -------
    str
    """
    mask = read_array(mask_img) > 0
    if not mask.any():
        return f"An empty mask, cut at {_place(cut_coords)}."
    places = apply_affine(mask_img.affine, np.argwhere(mask))
    voxel = np.round(apply_affine(np.linalg.inv(mask_img.affine), cut_coords)).astype(int)
    met = [int(mask.take(min(max(v, 0), n - 1), axis).sum()) for axis, (v, n) in enumerate(zip(voxel, mask.shape, strict=True))]
    left = int((places[:, 0] < 0).sum())
    return (
        f"Mask of {len(places):,} voxels, {left:,} of them left (x < 0) and {len(places) - left:,} right, centred on "
        f"{_place(places.mean(axis=0))}. The cuts at {_place(cut_coords)} meet {met[0]}, {met[1]} and {met[2]} of them."
    )


def describe_labels(labels_img):
    """What a label image shows: size, side and centre of the first six ROIs, and how large the others are together.

    Parameters
    ----------
    labels_img : 3D image
        0 outside, 1, 2, ... in the ROIs.

    Returns
    -------
    str
    """
    labels = read_array(labels_img)
    numbers = [int(number) for number in np.unique(labels) if number > 0]
    if not numbers:
        return "No ROI."
    words = []
    for number in numbers[:6]:
        inside = np.argwhere(labels == number)
        centre = apply_affine(labels_img.affine, inside.mean(axis=0))
        side = "left" if centre[0] < 0 else "right"
        words.append(f"ROI {number}: {len(inside)} voxels, {side}, centred on {_place(centre)}")
    text = f"{len(numbers)} ROI{'s' if len(numbers) > 1 else ''}. " + "; ".join(words) + "."
    if rest := numbers[6:]:
        text += f" {len(rest)} more of {int(np.isin(labels, rest).sum())} voxels in all."
    return text


def describe_signals(signals):
    """What box plots of ROI signals show: for each ROI the conditions with the highest and the lowest median.

    Parameters
    ----------
    signals : DataFrame
        From `roilessons.signals`.

    Returns
    -------
    str
    """
    rois = [name for name in signals.columns if name.startswith("ROI ")]
    if not rois:
        return "No ROI, no box."
    words = []
    for roi in rois:
        medians = signals.groupby("condition")[roi].median().sort_values().round(1) + 0.0  # no minus before a zero
        words.append(
            f"{roi}: median highest for {medians.index[-1]} ({medians.iloc[-1]:.1f}), lowest for {medians.index[0]} "
            f"({medians.iloc[0]:.1f})"
        )
    return "; ".join(words) + "."


def _place(coords):
    x, y, z = (int(round(float(c))) for c in coords)
    return f"x = {x}, y = {y}, z = {z} mm"

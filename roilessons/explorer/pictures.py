"""The layers of an explorer: how they are painted, and its still picture, for pages where nothing runs (pictures.js draws the live one)."""

import io

import nibabel as nib
import numpy as np

from roilessons import figures
from roilessons.explorer.decisions import nearest_voxel
from roilessons.volumes.images import read_array

LAYERS = {  # from the bottom up, and what each is called
    "mean": "mean EPI", "mask_vt": "VT mask", "log_p": "-log10 p", "dilated": "dilated mask", "mask": "mask",
    "labels": "ROI", "truth": "planted area",
}  # fmt: skip
PALETTE = [[*bytes.fromhex(colour[1:])] for colour in figures.COLOURS_OF_ROIS]
COLOURS = {
    layer: [*bytes.fromhex(figures.COLOURS[name][1:])]
    for layer, name in (("mask_vt", "vt"), ("dilated", "dilated"), ("mask", "mask"), ("truth", "truth"))
}
OPACITY = {"mask_vt": 0.5, "truth": 0.6}  # of the rest: 1
VIEWS = ((1, 0, 2), (0, 1, 2), (2, 0, 1))  # as nilearn and pictures.js: the axis that is cut, that to the right, that upwards
WIDTH, TALLEST, GAP = 600, 300, 6  # pixels


def look_of(layer):
    """What a page needs to draw a layer and to name it."""
    return {"name": layer, "called": LAYERS[layer], "opacity": OPACITY.get(layer, 1), "colour": COLOURS.get(layer)}


def viridis():
    """The colours of the map, red, green and blue from 0 to 255."""
    import matplotlib

    return matplotlib.colormaps["viridis"](np.arange(256), bytes=True)[:, :3].tolist()


def brightest(mean_img):
    """The value of the mean EPI that is drawn white."""
    mean = read_array(mean_img)
    return 1.3 * float(np.percentile(mean[mean != 0], 99.5)) if mean.any() else 1.0


def box(mean_img):
    """First and last voxel of what is drawn, (2, 3): the box around all voxels but the darkest."""
    mean = read_array(mean_img)
    inside = np.argwhere(mean > 0.1 * np.percentile(mean, 99.5))
    return np.array([inside.min(axis=0), inside.max(axis=0)] if len(inside) else [[0, 0, 0], np.subtract(mean.shape, 1)])


def paint(name, values):
    """The colours of a layer, but of the mean and the map, and which of them each value has, from 1; 0 for none."""
    colours = PALETTE if name == "labels" else [COLOURS[name]]
    return colours, np.where(values > 0, (values - 1) % len(colours) + 1, 0).astype(np.uint8)


def cuts(layers, cut_coords, threshold):
    """Three orthogonal cuts through layers, as the page draws them.

    Parameters
    ----------
    layers : dict
        Name (of `LAYERS`) -> 3D image; must have "mean".
    cut_coords : (x, y, z) in mm
    threshold : float
        For the "log_p" layer.

    Returns
    -------
    picture : bytes
        A PNG.
    description : str
    """
    from PIL import Image, ImageDraw, ImageFont

    straight = {name: nib.as_closest_canonical(layers[name]) for name in LAYERS if name in layers}
    mean = straight["mean"]
    white, map_colours = brightest(mean), viridis()
    voxel, (first, last), spacing = nearest_voxel(mean.affine, mean.shape, cut_coords), box(mean), nib.affines.voxel_sizes(mean.affine)
    mm = spacing * (last - first + 1)
    scale = min((WIDTH - 2 * GAP) / (2 * mm[0] + mm[1]), TALLEST / max(mm[1:]))
    width, height = ([max(1, round(scale * mm[view[axis]])) for view in VIEWS] for axis in (1, 2))
    picture, left = Image.new("RGB", (sum(width) + 2 * GAP, max(height))), 0
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(15)
    for (cut, right, up), w, h in zip(VIEWS, width, height, strict=True):
        window = tuple(voxel[axis] if axis == cut else slice(first[axis], last[axis] + 1) for axis in range(3))
        values = {name: read_array(img)[window].T[::-1] for name, img in straight.items()}
        grey = np.clip(255 * values.pop("mean") / white, 0, 255).round()
        pixels = np.repeat(grey[..., None], 3, axis=2)
        for name, shown in values.items():
            if name == "log_p":
                colours, which = map_colours, np.where(shown >= threshold, np.minimum(25.6 * shown, 255).astype(int) + 1, 0)
            else:
                colours, which = paint(name, shown)
            inside = which > 0
            pixels[inside] += (np.array(colours)[which[inside] - 1] - pixels[inside]) * OPACITY.get(name, 1)
        top = (picture.height - h) // 2
        picture.paste(Image.fromarray(pixels.round().astype(np.uint8)).resize((w, h), Image.Resampling.NEAREST), (left, top))
        x = left + (voxel[right] - first[right] + 0.5) * spacing[right] * scale
        y = top + h - (voxel[up] - first[up] + 0.5) * spacing[up] * scale
        for line in ((x, top, x, y - 6), (x, y + 6, x, top + h), (left, y, x - 6, y), (x + 6, y, left + w, y)):
            pen.line(line, fill=(200, 200, 200))
        for letter, place in (("L", left + 4), ("R", left + w - 14)) if right == 0 else ():
            pen.text((place, top + 4), letter, "white", font, stroke_width=2, stroke_fill="black")
        left += w + GAP
    file = io.BytesIO()
    picture.save(file, format="png", optimize=True)
    return file.getvalue(), describe(layers, cut_coords, threshold)


def describe(layers, cut_coords, threshold):
    """What the cuts show, from the topmost layer with the most to say."""
    if "labels" in layers:
        return figures.describe_labels(layers["labels"])
    if "dilated" in layers or "mask" in layers:
        return figures.describe_mask(layers.get("dilated", layers.get("mask")), cut_coords)
    if "log_p" in layers:
        return figures.describe_map(layers["log_p"], cut_coords, threshold=threshold)
    return figures.describe_map(layers["mean"], cut_coords, name="mean EPI")

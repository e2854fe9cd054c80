"""The explorer's still pictures, for pages where nothing runs, and the colours of its layers."""

import numpy as np

from roilessons import figures

LAYERS = {  # from the bottom up, and what each is called
    "mean": "mean EPI", "mask_vt": "VT mask", "log_p": "-log10 p", "dilated": "dilated mask", "mask": "mask",
    "labels": "ROI", "truth": "planted area",
}  # fmt: skip
PALETTE = tuple(tuple(bytes.fromhex(colour[1:])) for colour in figures.COLOURS_OF_ROIS)
COLOURS = {
    layer: tuple(bytes.fromhex(figures.COLOURS[name][1:]))
    for layer, name in (("mask_vt", "vt"), ("dilated", "dilated"), ("mask", "mask"), ("truth", "truth"))
}
OPACITY = {"mask_vt": 0.5, "truth": 0.6}  # of the rest: 1


def cuts(layers, cut_coords, threshold):
    """Three orthogonal cuts through layers.

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
    import matplotlib.pyplot as plt
    from matplotlib.colors import ListedColormap
    from nilearn import plotting

    display = plotting.plot_img(layers["mean"], cut_coords=cut_coords, cmap="gray", colorbar=False, black_bg=True)
    for name in [name for name in LAYERS if name in layers and name != "mean"]:
        img = layers[name]
        if name == "log_p":
            if np.max(img.dataobj) < threshold:
                continue  # nilearn warns of an empty map
            below = float(np.nextafter(np.float32(max(threshold, 1e-6)), np.float32(0)))  # nilearn hides the threshold itself
            display.add_overlay(img, threshold=below, vmin=0, vmax=10, cmap="viridis")
        elif np.any(img.dataobj):
            colours = np.array(PALETTE if name == "labels" else [COLOURS[name]]) / 255
            top = int(np.max(img.dataobj)) if name == "labels" else 1
            colours = ListedColormap(np.resize(colours, (top, 3)))
            display.add_overlay(img, threshold=0.5, vmin=0.5, vmax=top + 0.5, cmap=colours, transparency=OPACITY.get(name, 1))
    picture = figures.png(display)
    plt.close(display.frame_axes.figure)
    return picture, describe(layers, cut_coords, threshold)


def describe(layers, cut_coords, threshold):
    """What the cuts show, from the topmost layer with the most to say."""
    if "labels" in layers:
        shown = figures.describe_labels(layers["labels"])
    elif "dilated" in layers or "mask" in layers:
        shown = figures.describe_mask(layers.get("dilated", layers.get("mask")), cut_coords)
    elif "log_p" in layers:
        shown = figures.describe_map(layers["log_p"], cut_coords, threshold=threshold)
    else:
        shown = figures.describe_map(layers["mean"], cut_coords, name="mean EPI")
    return shown

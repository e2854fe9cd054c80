"""Draws the README's picture, notebooks/images/steps.png: `python tools/draw_steps.py`."""

from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
from nilearn import plotting

import roilessons as rl
from roilessons.figures import png

matplotlib.use("agg")
subject = rl.load_subject("simulated")
made = rl.catch_up(subject, "components")
n = int(made.labels_img.dataobj[:].max())
Z = -13  # mm; this plane meets all four regions
one = {"cmap": rl.roi_colours(1), "vmin": 0, "vmax": 1, "colorbar": False, "alpha": 0.9}
numbered = {"cmap": rl.roi_colours(n), "vmin": 0.5, "vmax": n + 0.5, "colorbar": False, "alpha": 0.9}
values = {"cmap": "viridis", "threshold": 1, "vmin": 0, "vmax": 10, "colorbar": False, "symmetric_cbar": False}

figure, axes = plt.subplots(1, 6, figsize=(16, 3.4), facecolor="white")
plane = {"display_mode": "z", "cut_coords": [Z], "annotate": False, "black_bg": False}
on_anatomy = {"bg_img": subject.anat, **plane}
displays = [
    plotting.plot_img(made.mean_img, axes=axes[0], cmap="gray", threshold=60, vmin=0, colorbar=False, **plane),
    plotting.plot_stat_map(made.log_p_img, axes=axes[1], **on_anatomy, **values),
    plotting.plot_roi(made.thresholded_img, axes=axes[2], **on_anatomy, **one),
    plotting.plot_roi(made.intersected_img, axes=axes[3], **on_anatomy, **one),
    plotting.plot_roi(made.dilated_img, axes=axes[4], **on_anatomy, **one),
    plotting.plot_roi(made.labels_img, axes=axes[5], **on_anatomy, **numbered),
]
titles = ("smooth", "test", "threshold", "AND VT mask", "dilate", "label")
for number, (axis, display, title) in enumerate(zip(axes, displays, titles, strict=True), start=1):
    axis.set_title(f"{number}  {title}", fontsize=13)
    display.axes[Z].ax.set(xlim=(-72, 72), ylim=(-108, 76))  # mm, the same in every panel
(Path(__file__).parents[1] / "notebooks/images/steps.png").write_bytes(png(figure))

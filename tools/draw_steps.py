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
z = subject.cut_coords[2]
one = {"cmap": rl.roi_colours(1), "vmin": 0, "vmax": 1, "colorbar": False, "alpha": 0.9}
values = {"cmap": "viridis", "threshold": 0.5, "vmin": 0, "vmax": 10, "colorbar": False, "symmetric_cbar": False}

figure, axes = plt.subplots(1, 6, figsize=(16, 3.4), facecolor="white")
common = {"bg_img": made.mean_img, "display_mode": "z", "cut_coords": [z], "annotate": False, "black_bg": False}
plotting.plot_epi(made.mean_img, display_mode="z", cut_coords=[z], annotate=False, colorbar=False, axes=axes[0], black_bg=False)
plotting.plot_stat_map(made.log_p_img, axes=axes[1], **common, **values)
plotting.plot_roi(made.thresholded_img, axes=axes[2], **common, **one)
plotting.plot_roi(made.intersected_img, axes=axes[3], **common, **one)
plotting.plot_roi(made.dilated_img, axes=axes[4], **common, **one)
numbered = {"cmap": rl.roi_colours(n), "vmin": 0.5, "vmax": n + 0.5, "colorbar": False, "alpha": 0.9}
plotting.plot_roi(made.labels_img, axes=axes[5], **common, **numbered)
titles = ("smooth", "test", "threshold", "AND VT mask", "dilate", "label")
for number, (axis, title) in enumerate(zip(axes, titles, strict=True), start=1):
    axis.set_title(f"{number}  {title}", fontsize=13)
(Path(__file__).parents[1] / "notebooks/images/steps.png").write_bytes(png(figure))

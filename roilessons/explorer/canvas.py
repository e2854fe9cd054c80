"""The explorer's canvas: three orthogonal views drawn in the browser by NiiVue, layer over layer on one grid."""

import numpy as np
from ipyniivue import LUT, ColormapType, NiiVue, ShowRender, Volume
from nibabel import Nifti1Image

from roilessons.explorer.decisions import to_fractions
from roilessons.explorer.pictures import COLOURS, OPACITY, PALETTE


class Canvas:
    """NiiVue with one volume a layer; arrays are replaced in place and only what differs is sent.

    Parameters
    ----------
    layers : dict
        Name (of `pictures.LAYERS`) -> 3D image, all on the grid of "mean".
    cut_coords : (x, y, z) in mm
    threshold : float
        -log10 p below this is transparent.
    on_move, on_ready : callables
        Called with (x, y, z) in mm when the reader clicks or drags; without argument when the picture is drawn.
    """

    def __init__(self, layers, cut_coords, threshold, on_move, on_ready):
        self.box, self.affine = _head(layers["mean"])
        self.arrays = {name: _array(name, img)[self.box] for name, img in layers.items()}
        self.volumes = {name: _volume(name, array, self.affine, threshold) for name, array in self.arrays.items()}
        self.widget = NiiVue(
            height=280, is_nearest_interpolation=True, is_force_mouse_click_to_voxel_centers=True,
            multiplanar_show_render=ShowRender.NEVER, scroll_requires_focus=True, drag_and_drop_enabled=False,
            crosshair_width=0.3, crosshair_color=(1, 1, 1, 1), font_color=(0.9, 0.9, 0.9, 1), log_level="error",
        )  # fmt: skip
        self.widget.volumes = list(self.volumes.values())
        self.widget.on_image_loaded(self._loaded)
        self.widget.on_location_change(lambda place: on_move(tuple(place["mm"][:3])))
        self._on_ready, self.drawn, self._hidden = on_ready, False, set()
        self.to_fractions = to_fractions(self.affine, self.arrays["mean"].shape)
        self.widget.scene.crosshair_pos = (self.to_fractions @ [*cut_coords, 1]).tolist()

    def _loaded(self, volume):
        # A page opened late has read the arrays of the beginning; what they have become is sent after.
        for name, known in self.volumes.items():
            if known is volume:
                volume.img = self.arrays[name].ravel(order="F")
        self.drawn = True
        self._on_ready()

    def replace(self, name, img):
        """Put another image into a layer."""
        self.arrays[name] = _array(name, img)[self.box]
        self._send(name)

    def _send(self, name):
        if self.volumes[name].img is not None and name not in self._hidden:  # else no page shows it
            self.volumes[name].img = self.arrays[name].ravel(order="F")

    def switch(self, name, on):
        """Show or hide a layer."""
        self._hidden = self._hidden - {name} if on else self._hidden | {name}
        self._send(name)
        self.volumes[name].opacity = OPACITY.get(name, 1.0) if on else 0.0

    def close(self):
        """Close the widgets, which hold the arrays as long as they are open."""
        for volume in self.volumes.values():
            volume.close()
        self.widget.close()


def _head(mean_img):
    """The box around all voxels that are not 0, as slices, and its affine: less to draw, and drawn larger."""
    inside = np.argwhere(np.asarray(mean_img.dataobj) != 0)
    first, last = (inside.min(axis=0), inside.max(axis=0)) if len(inside) else (np.zeros(3, int), np.array(mean_img.shape) - 1)
    shift = np.eye(4)
    shift[:3, 3] = first
    return tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True)), mean_img.affine @ shift


def _array(name, img):
    """The image as the canvas draws it: colours of ROIs come round again after the palette's last."""
    array = np.asarray(img.dataobj)
    if name in ("mean", "log_p"):
        return array.astype(np.float32)
    if name == "labels":
        return np.where(array > 0, (array - 1) % len(PALETTE) + 1, 0).astype(np.uint8)
    return (array > 0).astype(np.uint8)


def _volume(name, array, affine, threshold):
    if name == "mean":
        style = {"colormap": "gray", "cal_min": 0.0, "cal_max": 1.3 * float(np.percentile(array, 99.5)) or 1.0}
    elif name == "log_p":
        below = ColormapType.ZERO_TO_MAX_TRANSPARENT_BELOW_MIN
        style = {"colormap": "viridis", "cal_min": float(threshold), "cal_max": 10.0, "colormap_type": below}
    else:
        colours = PALETTE if name == "labels" else (COLOURS[name],)
        table = [0, 0, 0, 0] + [v for colour in colours for v in (*colour, 255)]
        style = {"colormap_label": LUT(lut=table, min=0.0, max=float(len(colours)))}
    stored = Nifti1Image(array, affine).to_bytes()
    return Volume(data=stored, name=f"{name}.nii", opacity=OPACITY.get(name, 1.0), colorbar_visible=False, **style)

"""The explorer's canvas: three orthogonal views drawn in the browser by NiiVue, layer over layer on one grid."""

import re

import numpy as np
from ipyniivue import LUT, ColormapType, NiiVue, ShowRender, Volume
from nibabel import Nifti1Image

from roilessons.explorer.decisions import to_fractions
from roilessons.explorer.pictures import COLOURS, OPACITY, PALETTE


class FromPage:
    """What a widget takes from a page: the traits named here, and nothing that makes the kernel read a file or an address.

    ipyniivue takes all of them, and its `path` traits send the bytes of the file they name back to the page.
    """

    reported = frozenset()

    def set_state(self, state):
        taken = {name: value for name, value in state.items() if re.sub(r"^chunk_img_\d+$", "img", name) in self.reported}
        super().set_state(taken)


class PageVolume(FromPage, Volume):
    """A volume of the canvas; a page reports how it has read and drawn the array."""

    reported = frozenset(
        ("cal_min", "cal_max", "colormap", "n_frame_4d", "hdr", "extents_min_ortho", "extents_max_ortho", "frac2mm",
         "frac2mm_ortho", "dims_ras", "mat_ras", "img")
    )  # fmt: skip


class PageNiiVue(FromPage, NiiVue):
    """The canvas; a page reports that it is drawn, where its crosshair is and that a volume is loaded."""

    _esm = f"{NiiVue._esm}\n"  # as text: anywidget keeps every widget whose `_esm` is a file for good
    reported = frozenset(("_canvas_attached", "scene", "_volume_object_3d_data"))

    def _handle_custom_msg(self, content, buffers):
        event, data = content.get("event"), content.get("data")
        if event == "location_change":
            super()._handle_custom_msg(content, buffers)
        elif event == "image_loaded":  # ipyniivue would set every trait that is named beside the id
            super()._handle_custom_msg({"event": event, "data": {"id": data.get("id")}}, buffers)


class Canvas:
    """NiiVue with one volume per layer; arrays are replaced in place and only what differs is sent.

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
        self.widget = PageNiiVue(
            height=280, is_nearest_interpolation=True, is_force_mouse_click_to_voxel_centers=True,
            multiplanar_show_render=ShowRender.NEVER, scroll_requires_focus=True, drag_and_drop_enabled=False,
            crosshair_width=0.3, crosshair_color=(1, 1, 1, 1), font_color=(0.9, 0.9, 0.9, 1), log_level="error",
        )  # fmt: skip
        self.widget.volumes = list(self.volumes.values())
        self.widget.on_image_loaded(self._loaded)
        self.widget.on_location_change(self._moved)
        self._on_move, self._on_ready, self.drawn, self._hidden = on_move, on_ready, False, set()
        self.to_fractions = to_fractions(self.affine, self.arrays["mean"].shape)
        self.widget.scene.crosshair_pos = (self.to_fractions @ [*cut_coords, 1]).tolist()

    def _moved(self, place):
        try:
            x, y, z = map(float, place["mm"][:3])
        except (TypeError, ValueError, LookupError):
            return
        if np.isfinite([x, y, z]).all():
            self._on_move((x, y, z))

    def _loaded(self, volume):
        # A page that is opened later has read the first arrays; send the present ones.
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
    return PageVolume(data=stored, name=f"{name}.nii", opacity=OPACITY.get(name, 1.0), colorbar_visible=False, **style)

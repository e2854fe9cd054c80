"""The head in 3D, to be turned: NiiVue, by ipyniivue."""

import re

import numpy as np
from ipyniivue import LUT, ColormapType, NiiVue, SliceType, Volume
from nibabel import Nifti1Image

from roilessons.explorer.pictures import OPACITY, brightest, paint
from roilessons.volumes.images import read_array


class FromPage:
    """What a widget takes from a page: the traits named here, and nothing that makes the kernel read a file or an address.

    ipyniivue takes all of them, and its `path` traits send the bytes of the file they name back to the page.
    """

    reported = frozenset()

    def set_state(self, state):
        taken = {name: value for name, value in state.items() if re.sub(r"^chunk_img_\d+$", "img", name) in self.reported}
        super().set_state(taken)


class PageVolume(FromPage, Volume):
    """A volume; a page reports how it has read and drawn the array."""

    reported = frozenset(
        ("cal_min", "cal_max", "colormap", "n_frame_4d", "hdr", "extents_min_ortho", "extents_max_ortho", "frac2mm",
         "frac2mm_ortho", "dims_ras", "mat_ras", "img")
    )  # fmt: skip


class Head(FromPage, NiiVue):
    """The layers of an explorer, drawn as a solid.

    Parameters
    ----------
    layers : dict
        Name (of `pictures.LAYERS`) -> 3D image, all on the grid of "mean".
    threshold : float
        -log10 p below this is transparent.
    """

    _esm = f"{NiiVue._esm}\n"  # as text: anywidget keeps every widget whose `_esm` is a file for good
    reported = frozenset(("_canvas_attached", "scene", "_volume_object_3d_data"))

    def __init__(self, layers, threshold):
        super().__init__(height=360, slice_type=SliceType.RENDER, drag_and_drop_enabled=False, crosshair_width=0, log_level="error")
        self._by_name = {name: _volume(name, img, threshold) for name, img in layers.items()}
        self.volumes = list(self._by_name.values())

    def _handle_custom_msg(self, content, buffers):
        event, data = content.get("event"), content.get("data")
        if event == "image_loaded":  # ipyniivue would set every trait that is named beside the id
            super()._handle_custom_msg({"event": event, "data": {"id": data.get("id")}}, buffers)

    def follow(self, layers, threshold):
        """Show other images; what a page has not read yet it is not sent."""
        for name, volume in self._by_name.items():
            if volume.img is not None:
                volume.img = _array(name, layers[name]).ravel(order="F")
            if name == "log_p":
                volume.cal_min = float(threshold)


def _array(name, img):
    """The image as it is drawn."""
    array = read_array(img)
    return array.astype(np.float32) if name in ("mean", "log_p") else paint(name, array)[1]


def _volume(name, img, threshold):
    array = _array(name, img)
    if name == "mean":
        style = {"colormap": "gray", "cal_min": 0.0, "cal_max": brightest(img)}
    elif name == "log_p":
        below = ColormapType.ZERO_TO_MAX_TRANSPARENT_BELOW_MIN
        style = {"colormap": "viridis", "cal_min": float(threshold), "cal_max": 10.0, "colormap_type": below}
    else:
        colours, _ = paint(name, array)
        table = [0, 0, 0, 0] + [v for colour in colours for v in (*colour, 255)]
        style = {"colormap_label": LUT(lut=table, min=0.0, max=float(len(colours)))}
    stored = Nifti1Image(array, img.affine).to_bytes()
    return PageVolume(data=stored, name=f"{name}.nii", opacity=OPACITY.get(name, 1.0), colorbar_visible=False, **style)

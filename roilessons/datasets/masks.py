"""A mask named on the command line: an image, or ATLAS:LABEL."""

import os
from pathlib import Path

import numpy as np

from roilessons.files import read_text
from roilessons.volumes.images import grid_difference, load_image, new_image, read_label_array, read_mask, read_mask_array

# Atlases that nilearn downloads once, in MNI space: its function, and the image that is meant where there are several.
NAMED = {
    "harvard_oxford": ("fetch_atlas_harvard_oxford", "cort-maxprob-thr25-2mm"),
    "harvard_oxford_sub": ("fetch_atlas_harvard_oxford", "sub-maxprob-thr25-2mm"),
    "juelich": ("fetch_atlas_juelich", "maxprob-thr25-2mm"),
    "aal": ("fetch_atlas_aal",),
}


def mask_on_grid(names, series):
    """The union of masks and atlas regions, on the grid of a series.

    An image on another grid in the same space is resampled, each voxel to the nearest. Whether it is the same space no file
    says surely: look at the picture.

    Parameters
    ----------
    names : sequence of str
        Each the path of an image; or ATLAS:LABEL, where ATLAS is the path of a label image and LABEL a number in it or a name
        in the table beside it (.tsv with columns index and name, as BIDS has it), or ATLAS is one of `NAMED`.
    series : Series

    Returns
    -------
    mask : boolean array (x, y, z)
    notes : list of str
        What was resampled.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such image or label, or nothing of it lies in the series.
    """
    mask, notes = np.zeros(series.img.shape[:3], bool), []
    for name in map(str, names):
        img = named_mask(name)
        if difference := grid_difference(img, series.img):
            img = _resampled(img, series)
            notes.append(f"The mask {without_folder(name)} is on another grid ({difference}) and was resampled to that of the series.")
        here = read_mask_array(img)
        if not here.any():
            raise ValueError(f"{name} has no voxel in {series.name}: is it in another space, or empty?")
        mask |= here
    return mask, notes


def _resampled(img, series):
    from nilearn.image import resample_img

    return resample_img(
        img, target_affine=series.affine, target_shape=series.img.shape[:3], interpolation="nearest", force_resample=True,
        copy_header=True,
    )  # fmt: skip


def named_mask(name):
    """The image of 0 and 1 that a name stands for."""
    path = Path(os.path.expanduser(name))
    if path.is_file() or not name.rpartition(":")[0]:
        img = load_image(path)
        return new_image(read_mask_array(img), img, np.uint8)
    atlas, _, label = name.rpartition(":")
    if not label.strip():
        raise ValueError(f"{name} names no label: after the colon comes a name or a number of the atlas.")
    if atlas in NAMED:
        img, table = _downloaded(atlas)
    else:
        path = Path(os.path.expanduser(atlas))
        if not path.is_file():
            raise FileNotFoundError(f"{atlas} is no image, and no atlas that nilearn downloads; those are {', '.join(NAMED)}.")
        img, table = load_image(path), _table_beside(path)
    labels = read_label_array(img)
    if label in table:
        number = table[label]
    elif label.isdecimal() and (labels == int(label)).any():
        number = int(label)
    else:
        known = ", ".join(list(table)[:12]) or "none by name"
        raise ValueError(f"{atlas} has no label {label!r}; there are {known}{', ...' if len(table) > 12 else ''}.")
    return new_image(labels == number, img, np.uint8)


def without_folder(name):
    """The name of a mask as another machine may have it, too."""
    path, colon, label = name.rpartition(":")
    return Path(path).name + colon + label if path and not Path(os.path.expanduser(name)).is_file() else Path(name).name


def files_of(name):
    """The files that a named mask depends on: an image, and of an atlas its table; none of an atlas that nilearn downloads."""
    path = Path(os.path.expanduser(name))
    if path.is_file():
        return [path]
    path = Path(os.path.expanduser(name.rpartition(":")[0]))
    return [one for one in (path, _table_path(path)) if one.is_file()] if path.is_file() else []


def _table_path(path):
    return path.with_name(path.name.split(".nii")[0] + ".tsv")


def _table_beside(path):
    """Name -> number, from the table of an atlas; empty where there is none."""
    table_path = _table_path(path)
    if not table_path.is_file():
        return {}
    lines = [line.split("\t") for line in read_text(table_path).splitlines() if line.strip()]
    if not lines or not {"index", "name"} <= set(lines[0]):
        raise ValueError(f"{table_path} must have the columns index and name.")
    index, name = lines[0].index("index"), lines[0].index("name")
    try:
        return {line[name]: int(line[index]) for line in lines[1:]}
    except (ValueError, IndexError):
        raise ValueError(f"{table_path} must have a whole number in the column index, and a name, in every line.") from None


def _downloaded(atlas):
    """The image of an atlas, and name -> number from the table that nilearn has for each; 0, the background, is no region."""
    from nilearn import datasets

    function, *image = NAMED[atlas]
    try:
        got = getattr(datasets, function)(*image)
    except Exception as error:
        raise ConnectionError(f"nilearn could not get the atlas {atlas} ({type(error).__name__}); with a network, try again.") from None
    return load_image(got.maps), {name: int(number) for number, name in zip(got.lut["index"], got.lut["name"], strict=True) if number}


def intersection(paths, series):
    """The voxels that every brain mask has, or None without any.

    Raises
    ------
    ValueError
        If one is on another grid, or they share no voxel.
    """
    common = None
    for path in paths:
        here = read_mask(path, series.img)
        common = here if common is None else common & here
    if common is not None and not common.any():
        raise ValueError(f"The brain masks of the runs share no voxel; the first is {paths[0]}.")
    return common

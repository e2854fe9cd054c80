"""Images: open a file whose header makes sense, read a small one, compare grids, make a new one.

No memory is allocated because of a header alone: a file of a megabyte can claim to hold terabytes.
"""

import gzip
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np

OTHER_COMPRESSION = {
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"PK\3\4": "zip",
    b"7z\xbc\xaf": "7-Zip",
}
VOXEL_MM = (0.01, 1000)  # the smallest and the largest edge of a voxel that is believed


def open_image(path):
    """A NIfTI image whose header makes sense; its voxels are not read yet.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no NIfTI image of real numbers on a grid in millimetres.
    """
    path = Path(path)
    if path.exists() and not path.is_file():  # who opens a pipe waits for somebody to write into it
        raise ValueError(f"{path} is no file.")
    check_compression(path)
    _check_pair(path)
    try:
        with nib.imageglobals.LoggingOutputSuppressor():  # what nibabel corrects in a header is checked below
            img = nib.load(path)
            img.shape, img.affine
        stored = _stored_header(path, img)
    except (FileNotFoundError, PermissionError) as error:
        reason = "is not there" if isinstance(error, FileNotFoundError) else "may not be read by this user"
        raise type(error)(f"{path} {reason}.") from None
    except Exception:  # nibabel raises many kinds of errors for a damaged header
        raise ValueError(f"{path} cannot be read as a NIfTI image; get or make the file again.") from None
    if not isinstance(img, nib.Nifti1Pair):
        raise ValueError(f"{path} cannot be read as a NIfTI image: it is another format.")
    if not img.header["sform_code"] and not (np.abs(stored["pixdim"][1:4]) > 0).all():
        raise ValueError(f"{path} has a voxel size of 0 or none in its header; make the file again.")
    check_header(img, path)
    return img


def _check_pair(path):
    """FileNotFoundError if an image in two files, .hdr and .img, is one of them alone."""
    for kind, other in ((".hdr", ".img"), (".img", ".hdr")):
        for gz in ("", ".gz"):
            if path.name.endswith(kind + gz):
                other = path.with_name(path.name.removesuffix(kind + gz) + other + gz)
                if path.exists() and not other.exists():
                    raise FileNotFoundError(f"{path} has no {other.name} beside it; an image in two files needs both.")
                return


def check_compression(path):
    """ValueError if a file is compressed by something else than gzip; what cannot be opened is left to who opens it."""
    try:
        with open(path, "rb") as file:
            start = file.read(6)
    except OSError:
        return
    for first_bytes, name in OTHER_COMPRESSION.items():
        if start.startswith(first_bytes) and path.suffix != ".img":  # which begins with any voxel's bytes
            raise ValueError(f"{path} is compressed with {name}; unpack it, or compress it with gzip to .nii.gz.")


def _stored_header(path, img):
    """The header as it stands in the file: nibabel takes a voxel size of 0 for 1 mm and only logs it."""
    with nib.openers.ImageOpener(img.file_map.get("header", img.file_map["image"]).filename or path) as file:
        return type(img.header).from_fileobj(file, check=False)


def check_header(img, name=None):
    """ValueError unless `img` is an image, and its voxels are real numbers on a grid in millimetres."""
    if not isinstance(img, nib.spatialimages.SpatialImage):
        made = "; nibabel.Nifti1Image(array, affine) makes an image of an array" if isinstance(img, np.ndarray) else ""
        raise ValueError(f"An image or the path of one is needed, not {type(img).__name__}{made}.")
    name = name or img.get_filename() or "the image"
    dtype = img.get_data_dtype()
    if dtype.kind not in "iuf":
        raise ValueError(f"{name} holds complex numbers or colours ({dtype}), not one real number per voxel.")
    if not img.shape or min(img.shape) < 1:
        raise ValueError(f"{name} has no voxels: its shape is {img.shape}.")
    if not is_sound(img.affine):
        raise ValueError(f"{name} has an affine that does not place its voxels in space; make the file again.")
    if isinstance(img, nib.Nifti1Image) and nib.is_proxy(img.dataobj) and img.dataobj.offset < img.header.single_vox_offset:
        raise ValueError(f"{name} says that its voxels begin inside its header; make the file again.")


def is_sound(affine):
    """Whether an affine is finite, has voxels of a believable size (mm) and keeps space three-dimensional."""
    if affine is None or np.shape(affine) != (4, 4) or not np.isfinite(affine).all():
        return False
    edges = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    return (VOXEL_MM[0] <= edges).all() and (edges <= VOXEL_MM[1]).all() and np.linalg.cond(affine[:3, :3]) < 1e6


def opened(img):
    """An image of any shape whose header makes sense, opened if it is a path."""
    if isinstance(img, (str, Path)):
        return open_image(img)
    check_header(img)
    return img


def load_image(img):
    """A 3D image, opened if it is a path, whose header makes sense; ValueError if it does not or is not 3D."""
    img = opened(img)
    if len(img.shape) != 3:
        one = "; nilearn.image.index_img(img, 0) is the volume in it" if img.shape[3:] == (1,) else ""
        raise ValueError(f"{_name(img)} is not a 3D image: its shape is {img.shape}{one}.")
    return img


def new_image(array, like, dtype):
    """An image of `array` in the space of another image or of a series."""
    with np.errstate(over="ignore"):  # beyond single precision is infinite
        return nib.Nifti1Image(np.ascontiguousarray(array, dtype=dtype), like.affine)


def grid_difference(img, other):
    """How the grid of a 3D image differs from that of another, or of two series: a few words, or None if it does not."""
    shape, expected = img.shape if len(other.shape) < 4 or len(img.shape) < 4 else img.shape[:3], other.shape[:3]
    if shape != expected:
        return f"shapes {shape} and {expected}"
    return None if np.allclose(img.affine, other.affine, atol=1e-3) else "the affines differ"


def decompression_errors():
    """What is raised when compressed data are cut short or damaged."""
    from isal import isal_zlib

    return EOFError, gzip.BadGzipFile, zlib.error, isal_zlib.error


def read_array(img):
    """The voxels of a small image, scaled, NaN as 0; ValueError if the file is cut short or damaged."""
    try:
        return np.nan_to_num(np.asanyarray(img.dataobj), nan=0.0)
    except (OSError, ValueError, *decompression_errors()):
        raise ValueError(f"{img.get_filename()} cannot be read: it is cut short or damaged; get or make it again.") from None


def read_mask_array(img):
    """Which voxels are in a mask (boolean array); ValueError if the image is a map, of probabilities or so, and no mask."""
    values = read_array(img)
    inside = values[values > 0]
    if inside.size and inside.dtype.kind == "f" and (inside != inside[0]).any() and (inside % 1).any():
        raise ValueError(
            f"{_name(img)} is not a mask: it holds {inside[inside % 1 != 0][0]:.3g} and other values, as a map of probabilities "
            "does; nilearn.image.binarize_img(img, threshold=...) makes a mask of it."
        )
    return values > 0


def read_label_array(img):
    """The ROI's number in every voxel (array); ValueError if the image holds anything but whole numbers."""
    values = read_array(img)
    if values.dtype.kind == "f" and (values % 1).any():
        raise ValueError(
            f"{_name(img)} is not a label image: it holds {values[values % 1 != 0][0]:.3g}; labels are whole numbers: 0 outside, "
            "1, 2, ... in the ROIs."
        )
    return values


def read_mask(mask_img, like):
    """A mask, an image or its path, as a boolean array (x, y, z).

    Raises
    ------
    ValueError
        If it cannot be read, is not on the grid of the image `like` or has no voxel.
    """
    img = load_image(mask_img)
    check_same_grid(img, like)
    mask = read_mask_array(img)
    if not mask.any():
        raise ValueError(f"{img.get_filename() or 'The mask'} has no voxel: a mask is an image of 1 inside and 0 outside.")
    return mask


def check_same_grid(img, other):
    """ValueError unless the images' first three axes and affines are the same."""
    if difference := grid_difference(img, other):
        two = "The images" if not (img.get_filename() or other.get_filename()) else f"{_name(img)} and {_name(other)}"
        raise ValueError(
            f"{two} are on different grids: {difference}; "
            "resample one with nilearn.image.resample_to_img(..., interpolation='nearest')."
        )


def load_on_one_grid(*images):
    """3D images (see `load_image`) as a list; ValueError unless they are all on the grid of the first."""
    first, *others = map(load_image, images)
    for other in others:
        check_same_grid(first, other)
    return [first, *others]


def _name(img):
    return img.get_filename() or "an image"

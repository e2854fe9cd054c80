"""Reading NIfTI files: first whether the header makes sense, then the volumes, a few at a time.

Nothing is allocated on the word of a header alone: a file of a megabyte can claim to hold terabytes.
Arrays here are in the order of the file, (volume, z, y, x): x varies fastest in a NIfTI file.
"""

import gzip
import os
import struct
import zlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np

BLOCK_BYTES = 3_000_000  # as stored; a block is ten of Haxby's volumes
BLOCKS_AHEAD = 6  # unpacked while the caller is busy
VOXEL_MM = (0.01, 1000)  # the smallest and the largest edge of a voxel that is believed
GZIP_RATIO = 1032  # deflate packs no better than this


@dataclass(frozen=True)
class Series:
    """Where the volumes of a 4D image are and how their numbers are stored."""

    img: nib.spatialimages.SpatialImage
    path: Path | None  # None for an image that is in memory

    @property
    def shape(self):
        """(z, y, x): one volume, in the order of the file."""
        return self.img.shape[2::-1]

    @property
    def n_volumes(self):
        return self.img.shape[3]

    @property
    def affine(self):
        return self.img.affine

    @property
    def name(self):
        return self.path or "the image"


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
    try:
        with nib.imageglobals.LoggingOutputSuppressor():  # what nibabel mends in a header is checked below
            img = nib.load(path)
            img.shape, img.affine
        stored = _stored_header(path, img)
    except (FileNotFoundError, PermissionError) as error:
        reason = "is not there" if isinstance(error, FileNotFoundError) else "may not be read by this user"
        raise type(error)(f"{path} {reason}.") from None
    except Exception:  # nibabel stumbles over a damaged header in many ways
        raise ValueError(f"{path} cannot be read as a NIfTI image; get or make the file again.") from None
    if not isinstance(img, nib.Nifti1Pair):
        raise ValueError(f"{path} cannot be read as a NIfTI image: it is another format.")
    if not img.header["sform_code"] and not (np.abs(stored["pixdim"][1:4]) > 0).all():
        raise ValueError(f"{path} has a voxel size of 0 or none in its header; make the file again.")
    check_header(img, path)
    return img


def _stored_header(path, img):
    """The header as it stands in the file: nibabel takes a voxel size of 0 for 1 mm and only logs it."""
    with nib.openers.ImageOpener(img.file_map.get("header", img.file_map["image"]).filename or path) as file:
        return type(img.header).from_fileobj(file, check=False)


def check_header(img, name):
    """ValueError unless the voxels of `img` are real numbers on a grid in millimetres."""
    dtype = img.get_data_dtype()
    if dtype.kind not in "iuf":
        raise ValueError(f"{name} holds complex numbers or colours ({dtype}), not one real number a voxel.")
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


def grid_difference(img, series_or_img):
    """How the grid of a 3D image differs from that of another, or of a series: a few words, or None if it does not."""
    shape = series_or_img.shape[:3]
    if img.shape != shape:
        return f"shapes {img.shape} and {shape}"
    return None if np.allclose(img.affine, series_or_img.affine, atol=1e-3) else "the affines differ"


def open_series(func):
    """The layout of a 4D series, from its header alone.

    Parameters
    ----------
    func : path or 4D Nifti image

    Returns
    -------
    Series

    Raises
    ------
    ValueError
        If `func` is no NIfTI image or not 4D, its header makes no sense, or the file is shorter than its header says.
    FileNotFoundError
        If there is no such file.
    """
    img, path = func, None
    if isinstance(func, (str, Path)):
        img, path = open_image(func), Path(func)
    else:
        check_header(img, img.get_filename() or "the image")
        if isinstance(img, nib.Nifti1Pair) and nib.is_proxy(img.dataobj) and img.get_filename():
            path = Path(img.get_filename())
    if len(img.shape) != 4:
        raise ValueError(f"{path or 'the image'} is not a 4D series: its shape is {img.shape}.")
    if path:
        check_complete(img)
    return Series(img, path)


def check_complete(img):
    """ValueError if the file of a NIfTI image is shorter than its header says."""
    stored = img.dataobj
    # In Python's integers, which do not overflow.
    expected = stored.offset + int(np.prod(img.shape, dtype=object)) * stored.dtype.itemsize
    path = Path(stored.file_like)
    size = path.stat().st_size
    with open(path, "rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
        # A gzip file ends with its unpacked length: a look at four bytes instead of a second of unpacking.
        file.seek(-min(4, size), os.SEEK_END)
        tail = file.read(4)
    if gzipped:
        told = struct.unpack("<I", tail)[0] == expected % 2**32 if len(tail) == 4 else False
        complete = expected <= GZIP_RATIO * size and (told or _unpacked_bytes(path) >= expected)
    else:
        complete = size >= expected
    if not complete:
        raise ValueError(f"{path} is cut short; get or make the file again.")


def _unpacked_bytes(path):
    """Length of a gzip file by unpacking it: for files of several members, or with bytes after the end."""
    from isal import igzip

    total, buffer = 0, bytearray(1 << 20)
    try:
        with igzip.open(path, "rb") as file:
            while count := file.readinto(buffer):
                total += count
    except unpacking_errors():
        pass
    return total


def unpacking_errors():
    """What is raised when packed data are cut short or damaged."""
    from isal import isal_zlib

    return EOFError, gzip.BadGzipFile, zlib.error, isal_zlib.error


def read_array(img):
    """The voxels of a small image, scaled, NaN as 0; ValueError if the file is cut short or damaged."""
    try:
        return np.nan_to_num(np.asanyarray(img.dataobj), nan=0.0)
    except (OSError, ValueError, *unpacking_errors()):
        raise ValueError(f"{img.get_filename()} cannot be read: it is cut short or damaged; get or make it again.") from None


def blocks(series, each=None):
    """The volumes of a series in order, a few at a time, as they are stored.

    A thread unpacks the next blocks while the caller works on this one.

    Parameters
    ----------
    series : Series
    each : function of a block, optional
        What is to be done with every block: that thread does it, so that a caller with much to do on some is not late.

    Yields
    ------
    first : int
        Index of the block's first volume.
    block : array of shape (volumes, z, y, x)
        In the machine's byte order, scaled by the header's slope and intercept where it has them; NaN and infinite voxels are 0 (as in nilearn).

    Raises
    ------
    ValueError
        If the file is cut short or damaged.
    """
    step = max(1, BLOCK_BYTES // (int(np.prod(series.shape)) * series.img.get_data_dtype().itemsize))
    source = _from_file(series, step) if series.path else _from_memory(series, step)

    def read():
        item = next(source, None)
        if item and each:
            each(item[1])
        return item

    with ThreadPoolExecutor(1) as pool:
        coming = deque(pool.submit(read) for _ in range(BLOCKS_AHEAD))
        try:
            while item := coming.popleft().result():
                coming.append(pool.submit(read))
                yield item
        finally:
            pool.shutdown(cancel_futures=True)


def _from_memory(series, step):
    for first in range(0, series.n_volumes, step):
        block = np.asanyarray(series.img.dataobj[..., first : first + step]).T
        yield first, _finite(block)


def _from_file(series, step):
    stored = series.img.dataobj
    damaged = ValueError(f"{series.path} is cut short or damaged; get or make the file again.")
    try:
        with _open_binary(stored.file_like) as file:
            file.read(stored.offset)
            for first in range(0, series.n_volumes, step):
                block = np.empty((min(step, series.n_volumes - first), *series.shape), stored.dtype)
                if not _fill(file, block):
                    raise damaged
                yield first, _finite(_scaled(block, stored.slope, stored.inter))
            while file.read(1 << 20):  # only at its end does a gzip file compare the checksum, the header's included
                pass
    except unpacking_errors() as error:
        raise damaged from error


def _open_binary(path):
    from isal import igzip

    with open(path, "rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    return igzip.open(path, "rb") if gzipped else open(path, "rb")


def _fill(file, block):
    """Read until `block` is full; False if the file ends before."""
    view = memoryview(block).cast("B")
    while len(view):
        count = file.readinto(view)
        if not count:
            return False
        view = view[count:]
    return True


def _scaled(block, slope, inter):
    return block if (slope, inter) == (1, 0) else block * slope + inter


def _finite(block):
    """In the machine's byte order whether or not a number had to be replaced: what keeps volumes keeps one type."""
    block = block.astype(block.dtype.newbyteorder("="), copy=False)
    if block.dtype.kind == "f":
        bad = ~np.isfinite(block)
        if bad.any():
            block = np.where(bad, 0, block)
    return block

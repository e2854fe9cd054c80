"""Reading a 4D series a few volumes at a time, from one file or from several, one after the other.

Arrays here are in the order of the file, (volume, z, y, x): x varies fastest in a NIfTI file.
"""

import functools
import os
import struct
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.arrayproxy import ArrayProxy

from roilessons.volumes.images import check_compression, check_header, decompression_errors, grid_difference, open_image

CHUNK_BYTES = 3_000_000  # as stored; a chunk is ten of Haxby's volumes
CHUNKS_AHEAD = 6  # decompressed while the caller is busy
SHORTEST, LONGEST = 0.01, 100  # seconds per volume that are believed
GZIP_RATIO = 1032  # deflate compresses no better than this


@dataclass(frozen=True)
class Series:
    """Where the volumes of a 4D image are and how their numbers are stored."""

    img: nib.spatialimages.SpatialImage  # of several files, the first one's
    path: Path | None  # None for an image that is in memory
    parts: tuple = ()  # of several files, the series of each

    @property
    def shape(self):
        """(z, y, x): one volume, in the order of the file."""
        return self.img.shape[2::-1]

    @property
    def n_volumes(self):
        return sum(part.n_volumes for part in self.parts) if self.parts else self.img.shape[3]

    @property
    def affine(self):
        return self.img.affine

    @property
    def name(self):
        return self.path or "the image"


def open_series(func):
    """The layout of a 4D series, from its header alone.

    Parameters
    ----------
    func : path, 4D Nifti image, or sequence of paths
        Several are read as one series, in their order; nothing is joined in memory.

    Returns
    -------
    Series

    Raises
    ------
    ValueError
        If `func` is no NIfTI image or not 4D, its header makes no sense, the file is shorter than its header says, or several
        are not on one grid.
    FileNotFoundError
        If there is no such file.
    """
    if isinstance(func, (list, tuple)):
        return _series_of_files(tuple(open_series(path) for path in func))
    img, path = func, None
    if isinstance(func, (str, Path)):
        img, path = open_image(func), Path(func)
    else:
        check_header(img)
        if isinstance(img, nib.Nifti1Pair) and nib.is_proxy(img.dataobj) and img.get_filename():
            path = Path(img.get_filename())
            check_compression(path)
    if len(img.shape) != 4:
        raise ValueError(f"{path or 'the image'} is not a 4D series: its shape is {img.shape}.")
    if path:
        check_complete(img)
    return Series(img, path)


def _series_of_files(parts):
    if not parts:
        raise ValueError("A series needs a file or more.")
    for part in parts[1:]:
        if difference := grid_difference(part.img, parts[0].img):
            raise ValueError(f"{part.name} and {parts[0].name} are on different grids: {difference}; resample one of them.")
    return Series(parts[0].img, parts[0].path, parts)


def header_t_r(series):
    """Seconds from one volume to the next, as the header of a series says, or None where it does not.

    Raises
    ------
    ValueError
        If no scanner is as fast or as slow.
    """
    header = series.img.header
    unit = int(header["xyzt_units"]) & 56  # the bits for time: 8 is seconds, 16 milliseconds, 24 microseconds
    t_r = float(header.get_zooms()[3]) * {16: 1e-3, 24: 1e-6}.get(unit, 1)
    if not 0 < t_r < np.inf:
        return None
    if not SHORTEST <= t_r <= LONGEST:
        raise ValueError(
            f"{series.name} says in its header that a volume takes {t_r:g} seconds; its time is in another unit than the header "
            "says: set it with img.header.set_xyzt_units('mm', 'msec'), or 'sec', and save the image again."
        )
    return t_r


def check_complete(img):
    """ValueError if the file of a NIfTI image is shorter than its header says."""
    stored = img.dataobj
    # In Python's integers, which do not overflow.
    expected = stored.offset + int(np.prod(img.shape, dtype=object)) * stored.dtype.itemsize
    path = Path(stored.file_like)
    size = path.stat().st_size
    with open(path, "rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
        # A gzip file ends with its decompressed length: a look at four bytes instead of a second of work.
        file.seek(-min(4, size), os.SEEK_END)
        tail = file.read(4)
    if gzipped:
        told = len(tail) == 4 and struct.unpack("<I", tail)[0] == expected % 2**32
        complete = expected <= GZIP_RATIO * size
        if complete and not told:  # several members, or bytes after the end
            length, others_follow = _decompress(path)
            complete = length >= expected
            if complete and others_follow:
                raise ValueError(f"{path} is whole, but other bytes follow its end; decompress it and compress it again.")
    else:
        complete = size >= expected
    if not complete:
        raise ValueError(f"{path} is cut short; get or make the file again.")


def _decompress(path):
    """Length of a gzip file by decompressing all its members, and whether bytes follow that are no member (zeros may)."""
    from isal import isal_zlib

    total, before, member, compressed = 0, 0, None, b""
    with open(path, "rb") as file:
        while compressed := compressed or file.read(1 << 14):
            if member is None:
                before, compressed = total, compressed.lstrip(b"\0")
                member = isal_zlib.decompressobj(31) if compressed else None  # 31: with gzip's header and checksum
                continue
            try:
                total += len(member.decompress(compressed))
            except decompression_errors():
                break
            compressed, member = (member.unused_data, None) if member.eof else (b"", member)
    return total, member is not None and total == before


class TooLittleMemory(MemoryError):
    """Its text is a sentence, and all that a notebook shows of it."""

    def _render_traceback_(self):  # what IPython asks for
        return [str(self)]


@contextmanager
def memory_said(series, volumes=15, kept=0):
    """A context in which MemoryError becomes `TooLittleMemory`, which says how much is needed.

    Parameters
    ----------
    series : Series
    volumes : int
        How many volumes in double precision are held at once, as measured.
    kept : int, bytes
        What is kept beside them.
    """
    try:
        yield
    except TooLittleMemory:
        raise
    except MemoryError:
        need = 10 * CHUNK_BYTES + volumes * 8 * int(np.prod(series.shape)) + kept  # the first are decompressed ahead
        raise TooLittleMemory(
            f"There is too little memory for {series.name}: this needs about {need / 2**20:.0f} MiB; close other notebooks."
        ) from None


def say_what_memory(function):
    """Decorates a function whose first argument is a series or a subject: see `memory_said`."""

    @functools.wraps(function)
    def checked(*arguments, **options):
        try:
            return function(*arguments, **options)
        except MemoryError:
            first = arguments[0] if arguments else options.get("func", options.get("subject"))
            with memory_said(open_series(getattr(first, "func", first))):
                raise

    return checked


def chunks(series):
    """The volumes of a series in order, a few at a time.

    A thread decompresses the next chunks while the caller works on this one.

    Parameters
    ----------
    series : Series

    Yields
    ------
    first : int
        Index of the chunk's first volume.
    volumes : array of shape (volumes, z, y, x)
        Scaled by the header's slope and intercept where it has them; NaN and infinite voxels are 0 (as in nilearn). All
        chunks of a series have one data type, in the machine's byte order.

    Raises
    ------
    ValueError
        If the file is cut short or damaged.
    """
    source = _of_several(series.parts) if series.parts else _of_one(series)
    with ThreadPoolExecutor(1) as pool:
        coming = deque(pool.submit(next, source, None) for _ in range(CHUNKS_AHEAD))
        try:
            while item := coming.popleft().result():
                coming.append(pool.submit(next, source, None))
                yield item
        finally:
            pool.shutdown(cancel_futures=True)


def _of_one(series):
    step = max(1, CHUNK_BYTES // (int(np.prod(series.shape)) * series.img.get_data_dtype().itemsize))
    return _from_file(series, step) if series.path else _in_steps(series.img.dataobj, step)


def _of_several(parts):
    kinds = {np.asanyarray(part.img.dataobj[:1, :1, :1, 0]).dtype.newbyteorder("=") for part in parts}
    common, before = np.result_type(*kinds), 0
    for part in parts:
        for first, volumes in _of_one(part):
            yield before + first, volumes.astype(common, copy=False)
        before += part.n_volumes


def _from_file(series, step):
    stored = series.img.dataobj
    layout = stored.shape, stored.dtype, stored.offset, stored.slope, stored.inter
    try:
        with _open_binary(stored.file_like) as file:
            yield from _in_steps(ArrayProxy(file, layout, mmap=False), step)
            while file.read(1 << 20):  # only at its end does a gzip file compare the checksum, the header's included
                pass
    except (OSError, ValueError, *decompression_errors()) as error:
        if getattr(error, "errno", None):  # the disk's own
            raise
        raise ValueError(f"{series.path} is cut short or damaged; get or make the file again.") from error


def _open_binary(path):
    from isal import igzip

    with open(path, "rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    return igzip.open(path, "rb") if gzipped else open(path, "rb")


def _in_steps(stored, step):
    for first in range(0, stored.shape[3], step):
        volumes = np.asanyarray(stored[..., first : first + step]).T
        volumes = volumes.astype(volumes.dtype.newbyteorder("="), copy=False)
        if volumes.dtype.kind == "f" and not np.isfinite(volumes).all():
            volumes = np.where(np.isfinite(volumes), volumes, 0)
        yield first, volumes

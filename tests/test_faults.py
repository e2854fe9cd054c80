"""What goes wrong in a class: each fault ends in one clear sentence, and nothing is lost."""

import bz2
import gzip
import io
import locale
import lzma
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import AFFINE, ROOT, array, small_series, write_subject
from IPython.core.interactiveshell import InteractiveShell
from waiting import PATIENCE

import roilessons as rl
from roilessons import steps
from roilessons.batch import extract as extract_module
from roilessons.batch.extract import OUTPUTS, extract
from roilessons.explorer import decisions
from roilessons.explorer.subject_maps import SubjectMaps
from roilessons.volumes import one_pass, reading


def save(folder, data, affine=AFFINE, **fields):
    """bold.nii.gz from `data`, with raw fields of its header set past all checks."""
    header = nib.Nifti1Header()
    header.set_data_dtype(data.dtype)
    header.set_data_shape(data.shape)
    header.set_sform(affine, code="scanner")
    header["vox_offset"], header["magic"] = 352, b"n+1"
    header["pixdim"][1:5] = 3.5, 3.75, 3.75, 2.5
    for name, value in fields.items():
        header[name] = value
    with gzip.open(folder / "bold.nii.gz", "wb", 1) as file:
        file.write(header.structarr.tobytes() + bytes(4) + data.tobytes(order="F"))


def change(path, position, bits=1):
    content = bytearray(path.read_bytes())
    content[position] ^= bits
    path.write_bytes(content)


def mask(folder, values, affine=AFFINE):
    nib.save(nib.Nifti1Image(np.asarray(values, np.uint8), affine), folder / "mask4_vt.nii.gz")


def huge_mask(folder):
    """Says it holds a terabyte."""
    mask(folder, np.ones((12, 14, 9)))
    path = folder / "mask4_vt.nii.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[42:48] = np.array([10_000, 10_000, 10_000], "<i2").tobytes()
    path.write_bytes(gzip.compress(bytes(content)))


def only_one(folder, condition):
    """Leave one volume of a condition."""
    path = folder / "labels.txt"
    first, *lines = path.read_text().splitlines()
    chosen = [i for i, line in enumerate(lines) if line.startswith(condition)][1:]
    lines = [line.replace(condition, "rest") if i in chosen else line for i, line in enumerate(lines)]
    path.write_text("\n".join([first, *lines]) + "\n")


def probabilities(folder):
    values = np.zeros((12, 14, 9), np.float32)
    values[2:9, 2:9, 2:7] = 0.25
    values[3:8, 3:8, 3:6] = 1
    nib.save(nib.Nifti1Image(values, AFFINE), folder / "mask4_vt.nii.gz")


def repack(folder, compress):
    path = folder / "bold.nii.gz"
    path.write_bytes(compress(gzip.decompress(path.read_bytes())))


def append(folder, more):
    with open(folder / "bold.nii.gz", "ab") as file:
        file.write(more)


def t_r(folder, value, unit):
    img = nib.load(folder / "bold.nii.gz")
    img = nib.Nifti1Image(array(img), img.affine, img.header)
    img.header.set_zooms((3.5, 3.75, 3.75, value))
    img.header.set_xyzt_units("mm", unit)
    nib.save(img, folder / "bold.nii.gz")


def utf_16(folder):
    path = folder / "labels.txt"
    path.write_text(path.read_text(), encoding="utf-16")


def other_run(folder):
    path = folder / "labels.txt"
    path.write_text(path.read_text().replace("face 0", "face 7", 2))


def flipped_header(folder):
    """16 bits a voxel become 8: all that is read then is there, and only at the end of the file does the checksum tell."""
    data = DATA.repeat(2, axis=0).repeat(2, axis=1).repeat(2, axis=2)
    save(folder, data)
    mask(folder, np.ones(data.shape[:3]))
    path = folder / "bold.nii.gz"
    content = bytearray(gzip.compress(gzip.decompress(path.read_bytes()), 0))  # as it is, but with a checksum
    place = content.index(bytes([92, 1, 0, 0])) + 70  # a NIfTI header starts with its length, 348
    content[place] ^= 4 ^ 2
    path.write_bytes(content)


@pytest.fixture
def small_folder(six_runs):
    return six_runs


SINGULAR, NOT_FINITE = AFFINE.copy(), AFFINE.copy()
SINGULAR[:3, 2] = SINGULAR[:3, 1]
NOT_FINITE[0, 3] = np.nan
DATA = small_series(runs=6)[0]
NOISE = np.random.default_rng(0).normal(1000, 8, DATA.shape).astype(np.float32)
RGB = np.zeros(DATA.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")])

REFUSED = {
    "gzip cut in the middle": (lambda f: os.truncate(f / "bold.nii.gz", 9000), "bold.nii.gz is cut short"),
    "gzip with a wrong checksum": (lambda f: change(f / "bold.nii.gz", -6), "bold.nii.gz is cut short or damaged"),
    "gzip with a damaged middle": (lambda f: change(f / "bold.nii.gz", 9000, 255), "bold.nii.gz is cut short or damaged"),
    "a header with a flipped bit": (flipped_header, "bold.nii.gz is cut short or damaged"),
    "complex numbers": (lambda f: save(f, DATA.astype(np.complex64)), "bold.nii.gz holds complex numbers or colours"),
    "colours": (lambda f: save(f, RGB), "bold.nii.gz holds complex numbers or colours"),
    "a negative dimension": (lambda f: save(f, DATA, dim=[4, 12, -14, 9, 60, 1, 1, 1]), "bold.nii.gz (cannot be|has no)"),
    "a dimension of 0": (lambda f: save(f, DATA, dim=[4, 12, 0, 9, 60, 1, 1, 1]), "bold.nii.gz has no voxels"),
    "petabytes": (lambda f: save(f, DATA, dim=[4, 32000, 32000, 32000, 60, 1, 1, 1]), "bold.nii.gz is cut short"),
    "a mask of a terabyte": (huge_mask, "mask4_vt.nii.gz and .* are on different grids"),
    "NaN in the affine": (lambda f: save(f, DATA, NOT_FINITE), "affine that does not place its voxels in space"),
    "a flat affine": (lambda f: save(f, DATA, SINGULAR), "affine that does not place its voxels in space"),
    "voxels of 0 mm": (lambda f: save(f, DATA, sform_code=0, pixdim=np.zeros(8)), "bold.nii.gz has a voxel size of 0"),
    "voxels of a light year": (lambda f: save(f, DATA, AFFINE * 1e18), "affine that does not place its voxels"),
    "an impossible data type": (lambda f: save(f, DATA, datatype=999), "bold.nii.gz cannot be read as a NIfTI image"),
    "an impossible offset": (lambda f: save(f, DATA, vox_offset=np.nan), "bold.nii.gz (cannot be read|is cut short)"),
    "an offset beyond the end": (lambda f: save(f, DATA, vox_offset=1e12), "bold.nii.gz (cannot be read|is cut short)"),
    "a single volume a condition": (lambda f: only_one(f, "face"), "Only one volume has the condition 'face'"),
    "an empty mask": (lambda f: mask(f, np.zeros((12, 14, 9))), "mask4_vt.nii.gz has no voxel"),
    "a mask on another grid": (lambda f: mask(f, np.ones((12, 14, 9)), np.eye(4)), "are on different grids: .* resample one"),
    "a mask that is 4D": (lambda f: mask(f, np.ones((12, 14, 9, 2))), "mask4_vt.nii.gz is not a 3D image"),
    "a mask of one volume": (lambda f: mask(f, np.ones((12, 14, 9, 1))), r"9, 1\); nilearn.image.index_img\(img, 0\) is the"),
    "probabilities for a mask": (probabilities, "mask4_vt.nii.gz is not a mask: it holds 0.25 and other values"),
    "bzip2 by the name of gzip": (lambda f: repack(f, bz2.compress), "bold.nii.gz is compressed with bzip2; unpack it"),
    "xz by the name of gzip": (lambda f: repack(f, lzma.compress), "bold.nii.gz is compressed with xz; unpack it"),
    "bytes after the end": (lambda f: append(f, b"-- scanned --" * 9), "bold.nii.gz is whole, but other bytes follow its end"),
    "a byte after the end": (lambda f: append(f, b"-"), "bold.nii.gz is whole, but other bytes follow its end"),
    "milliseconds called seconds": (lambda f: t_r(f, 2500, "sec"), "bold.nii.gz says .* a volume takes 2500 seconds"),
    "seconds called milliseconds": (lambda f: t_r(f, 2.5, "msec"), "bold.nii.gz says .* a volume takes 0.0025 seconds"),
    "labels in UTF-16": (utf_16, "labels.txt is text in UTF-16; save it as UTF-8"),
    "a run in two pieces": (other_run, "labels.txt, line 7: run 0 begins a second time"),
}


IN_THE_PASS = ("gzip with a wrong checksum", "gzip with a damaged middle", "a header with a flipped bit", "a single volume a condition")


# What the subject's files say is found before either test begins.
@pytest.mark.parametrize(("fault", "test"), [*((fault, "runs") for fault in REFUSED), *((fault, "volumes") for fault in IN_THE_PASS)])
def test_refused_in_one_sentence(small_folder, tmp_path, shell, fault, test):
    spoil, words = REFUSED[fault]
    spoil(small_folder)
    code, out, errors = shell("extract", small_folder, "--out", tmp_path / "out", "--test", test)
    assert code == 1 and len(errors) == 1 and not out, errors
    assert errors[0].startswith("roilessons: ")
    with pytest.raises((ValueError, OSError), match=words) as caught:
        extract(small_folder, tmp_path / "out", test=test)
    assert f"roilessons: {caught.value}" == errors[0]
    assert not (tmp_path / "out").exists()


def outside_the_head(folder):
    data = DATA.copy()
    data[:, :4] = 0  # no head there
    save(folder, data)
    there = np.zeros((12, 14, 9))
    there[:, :2] = 1
    mask(folder, there)


NOTHING_FOUND = {
    "nothing above the threshold": (lambda f: None, ["--test", "volumes", "--threshold", 11]),
    "nothing in the noise": (lambda f: save(f, NOISE), []),
    "a mask outside the head": (outside_the_head, ["--fwhm", 0]),
    "constant voxels": (lambda f: save(f, np.full(DATA.shape, 700, np.int16)), []),
    "NaN in every voxel": (lambda f: save(f, np.full(DATA.shape, np.nan, np.float32)), []),
    "infinite voxels": (lambda f: save(f, np.full(DATA.shape, np.inf, np.float32)), []),
    "numbers too large to square": (lambda f: save(f, DATA * 1e300), []),
}


@pytest.mark.parametrize("fault", NOTHING_FOUND)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_goes_on_with_empty_tables(small_folder, tmp_path, shell, fault):
    spoil, arguments = NOTHING_FOUND[fault]
    spoil(small_folder)
    code, out, errors = shell("extract", small_folder, "--out", tmp_path / "out", *arguments)
    assert code == 0 and not errors, errors
    assert "No ROI: no voxel is left in the mask." in out
    assert not array(nib.load(tmp_path / "out/mask_atlas.nii.gz")).any()
    assert pd.read_csv(tmp_path / "out/rois.tsv", sep="\t").empty
    assert list(pd.read_csv(tmp_path / "out/signals.tsv", sep="\t")) == ["volume", "run", "condition"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_some_voxels_that_are_not_finite_do_not_spoil_the_others(small_folder, tmp_path, value):
    data = DATA.astype(np.float32)
    save(small_folder, data)
    clean = array(nib.load(extract(small_folder, tmp_path / "clean", fwhm=0).out / "mask_atlas.nii.gz"))
    data[11, 13, 8, ::3] = value
    save(small_folder, data)
    spoilt = array(nib.load(extract(small_folder, tmp_path / "spoilt", fwhm=0).out / "mask_atlas.nii.gz"))
    assert clean.any()
    np.testing.assert_array_equal(clean, spoilt)


def test_more_than_255_rois_are_all_in_the_atlas(tmp_path):
    data, conditions, runs = small_series(shape=(16, 16, 12))
    data[::2, ::2, ::2, conditions == "face"] += 80
    folder = write_subject(tmp_path / "subj", data, conditions, runs)
    mask(folder, np.ones(data.shape[:3]))
    result = extract(folder, tmp_path / "out", fwhm=0, dilate=0, test="volumes")
    atlas = array(nib.load(tmp_path / "out/mask_atlas.nii.gz"))
    assert result.summary["n_rois"] == len(np.unique(atlas)) - 1 > 255
    assert len(pd.read_csv(tmp_path / "out/signals.tsv", sep="\t").columns) == 3 + result.summary["n_rois"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--threshold", "-1"], "threshold must be a -log10 p, 0 or more"),
        (["--threshold", "inf"], "threshold must be a -log10 p, 0 or more"),
        (["--threshold", "nan"], "threshold must be a -log10 p, 0 or more"),
        (["--fwhm", "nan"], "fwhm must be a width in mm"),
        (["--fwhm", "-3"], "fwhm must be a width in mm"),
        (["--dilate", "-1"], "whole number, 0 or more"),
        (["--test", "volumes", "--delay", "1"], "not for --test volumes"),
        (["--test", "volumes", "--correct", "fdr"], "not for --test volumes"),
        (["--fwhm", "1e9"], "fwhm must be a width in mm, 0 to 100"),
        (["--contrast", "../face", "house"], "No volume has the condition '../face'"),
        (["--out", "{file}/out"], "is a file; --out .* must name a folder"),
        (["--out", "{file}"], "is a file; --out must name a folder"),
    ],
)
def test_settings_that_make_no_sense(small_folder, tmp_path, shell, arguments, words):
    (tmp_path / "file").write_text("no folder")
    arguments = [argument.format(file=tmp_path / "file") for argument in arguments]
    code, _, errors = shell("extract", small_folder, "--out", tmp_path / "out", *arguments)
    assert code == 1 and len(errors) == 1
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(errors[0])
    assert not (tmp_path / "out").exists()


def test_as_many_dilations_as_anyone_could_ask_for(small_folder):
    subject = rl.load_subject(small_folder)
    assert array(rl.dilate(subject.mask_vt, 10**12)).all()


@pytest.mark.parametrize("values", [np.ones((3, 3, 3), np.complex64), np.zeros((3, 3, 3), RGB.dtype)], ids=["complex", "RGB"])
@pytest.mark.parametrize("step", [rl.threshold, rl.dilate, rl.label, lambda img: rl.intersect(img, img), rl.mean_epi])
def test_steps_refuse_what_is_no_number(values, step):
    with pytest.raises(ValueError, match="complex numbers or colours|not a 4D"):
        step(nib.Nifti1Image(values, AFFINE))


@pytest.mark.parametrize("image", [np.zeros((3, 3, 3)), None, {1}, 5], ids=lambda image: type(image).__name__)
def test_steps_say_that_they_want_an_image(image):
    for step in (rl.mean_epi, rl.threshold, rl.dilate, rl.label, lambda img: rl.intersect(img, img)):
        with pytest.raises(ValueError, match=f"An image or the path of one is needed, not {type(image).__name__}"):
            step(image)


def test_a_map_is_no_mask_and_no_label_image(small_folder):
    """But any two values make a mask, and whole numbers labels, however they are stored."""
    subject = rl.load_subject(small_folder)
    log_p_img = rl.t_test(subject.func, subject.labels["labels"]).log_p_img
    for step in (
        rl.dilate,
        rl.label,
        lambda img: rl.intersect(subject.mask_vt, img),
        lambda img: rl.intersect(img, subject.mask_vt),
    ):
        with pytest.raises(ValueError, match="is not a mask: it holds .* nilearn.image.binarize_img"):
            step(log_p_img)
    with pytest.raises(ValueError, match="is not a label image: it holds .*; labels are whole numbers"):
        rl.signals(subject.func, log_p_img, subject.labels)
    with pytest.raises(ValueError, match="is not a label image"):
        rl.roi_table(log_p_img, log_p_img, log_p_img)
    vt = array(nib.load(subject.mask_vt))
    labels_img = rl.label(subject.mask_vt)
    as_floats = nib.Nifti1Image(array(labels_img).astype(np.float32), AFFINE)
    expected, found = (rl.signals(subject.func, img, subject.labels) for img in (labels_img, as_floats))
    pd.testing.assert_frame_equal(expected, found)
    half = nib.Nifti1Image(vt * np.float32(0.5), AFFINE)
    np.testing.assert_array_equal(array(rl.dilate(half)), array(rl.dilate(subject.mask_vt)))


@pytest.mark.parametrize("packed", ["", ".gz"])
def test_one_of_two_files_alone(tmp_path, packed):
    for number, alone in enumerate((".hdr", ".img")):
        pair = nib.Nifti1Pair(DATA, AFFINE)
        nib.save(pair, tmp_path / f"{number}.img{packed}")
        rl.mean_epi(tmp_path / f"{number}{alone}{packed}")
        other = tmp_path / f"{number}{'.img' if alone == '.hdr' else '.hdr'}{packed}"
        other.unlink()
        for step in (rl.mean_epi, rl.dilate):
            with pytest.raises(FileNotFoundError, match=f"{number}{alone}{packed} has no {other.name} beside it"):
                step(tmp_path / f"{number}{alone}{packed}")


def test_bzip2_that_nibabel_would_read(tmp_path):
    path = tmp_path / "bold.nii.bz2"
    nib.save(nib.Nifti1Image(DATA, AFFINE), path)
    for series in (path, str(path), nib.load(path)):
        with pytest.raises(ValueError, match="bold.nii.bz2 is compressed with bzip2; unpack it, or compress it with gzip"):
            rl.mean_epi(series)


def test_zeros_after_the_end_are_none_of_the_file(small_folder):
    expected = array(rl.mean_epi(small_folder / "bold.nii.gz"))
    append(small_folder, bytes(1000))
    np.testing.assert_array_equal(array(rl.mean_epi(small_folder / "bold.nii.gz")), expected)


def test_steps_say_which_labels_they_want(small_folder):
    subject = rl.load_subject(small_folder)
    with pytest.raises(ValueError, match=r"such as subject.conditions"):
        rl.t_test(subject.func, subject.labels)
    with pytest.raises(ValueError, match="such as subject.labels"):
        rl.signals(subject.func, subject.mask_vt, list(subject.labels["labels"]))


def test_spaces_and_accents(tmp_path, shell):
    folder = write_subject(tmp_path / "Zoë’s données 脳", *small_series(runs=6))
    out = tmp_path / "ça va — результат"
    code, _, errors = shell("extract", folder, "--out", out)
    assert code == 0 and not errors and sorted(path.name for path in out.iterdir()) == sorted(OUTPUTS)


COMMA = ["de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "German_Germany.1252", "pt_BR.UTF-8", "ru_RU.UTF-8"]
IN_LOCALE = """
import locale, sys
locale.setlocale(locale.LC_ALL, sys.argv[1])
assert locale.localeconv()["decimal_point"] == ",", "this locale has no decimal comma"
from roilessons.app.cli import main
sys.exit(main(sys.argv[2:]))
"""


def comma_locale():
    kept = locale.setlocale(locale.LC_ALL)
    try:
        for name in COMMA:
            try:
                locale.setlocale(locale.LC_ALL, name)
                return name
            except locale.Error:
                continue
        return None
    finally:
        locale.setlocale(locale.LC_ALL, kept)


def test_a_locale_with_decimal_commas(small_folder, tmp_path):
    name = comma_locale()
    if name is None:
        pytest.skip("this system has no locale with decimal commas; macOS and Windows have")
    extract(small_folder, tmp_path / "plain", fwhm=4.5, threshold=1.5)
    arguments = ["extract", small_folder, "--out", tmp_path / "comma", "--fwhm", "4.5", "--threshold", "1.5"]
    child = run(IN_LOCALE, name, *arguments)
    _, errors = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0, errors
    for file in OUTPUTS:
        assert (tmp_path / "comma" / file).read_bytes() == (tmp_path / "plain" / file).read_bytes()


# --- a full disk ----------------------------------------------------------------------


def refuse(*_, **__):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("when", ["at once", "in the middle"])
def test_no_room_to_keep_voxels_reads_the_file_twice(small_folder, monkeypatch, when):
    """The temporary file is only there for speed."""
    subject = rl.load_subject(small_folder)
    expected = rl.catch_up(subject, "signals").signals
    monkeypatch.setattr(reading, "CHUNK_BYTES", 30_000)  # several chunks
    if when == "at once":
        monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    else:

        class NearlyFull(io.BytesIO):
            def write(self, values):
                return super().write(values) if self.tell() < 20_000 else refuse()

        monkeypatch.setattr(tempfile, "TemporaryFile", NearlyFull)
    pd.testing.assert_frame_equal(rl.catch_up(subject, "signals").signals, expected)


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
from roilessons.app.cli import main
sys.exit(main(sys.argv[1:]))
"""


def run(script, *arguments, **more):
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more,
    )  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_no_room_for_the_results(small_folder, tmp_path):
    child = run(LIMITED, "extract", small_folder, "--out", tmp_path / "out")
    out, errors = child.communicate(timeout=PATIENCE)
    assert child.returncode == 1 and not out
    assert errors == f"roilessons: Nothing was written: {tmp_path / 'out'} cannot take the results (File too large).\n"
    assert not (tmp_path / "out").exists()


# --- too little memory ----------------------------------------------------------------


@pytest.mark.parametrize("step", ["mean_epi", "t_test", "signals", "block_means", "catch_up", "extract"])
def test_too_little_memory_is_said_in_a_sentence(small_folder, tmp_path, monkeypatch, shell, step):
    subject = rl.load_subject(small_folder)
    labels_img = rl.label(subject.mask_vt)
    monkeypatch.setattr(reading, "_in_steps", lambda *_: (_ for _ in ()).throw(MemoryError("Unable to allocate 1 TiB")))
    call = {
        "mean_epi": lambda: rl.mean_epi(subject.func),
        "t_test": lambda: rl.t_test(labels=subject.labels["labels"], func=subject.func),
        "signals": lambda: rl.signals(subject.func, labels_img, subject.labels),
        "block_means": lambda: rl.block_means(subject.func, subject.labels),
        "catch_up": lambda: rl.catch_up(step="signals", subject=subject),
        "extract": lambda: extract(small_folder, tmp_path / "out"),
    }[step]
    words = f"There is too little memory for {subject.func}: this needs about 29 MiB; close other notebooks."
    with pytest.raises(MemoryError) as caught:
        call()
    assert str(caught.value) == words
    if step == "extract":
        assert shell("extract", small_folder, "--out", tmp_path / "out") == (1, "", [f"roilessons: {words}"])
        assert not (tmp_path / "out").exists()


def without_memory(monkeypatch, module, name):
    """From here on `name` ends as NumPy does where an array cannot be had."""
    monkeypatch.setattr(module, name, lambda *_, **__: (_ for _ in ()).throw(MemoryError("Unable to allocate 9 GiB")))


def test_an_explorer_says_what_memory_it_needs_with_the_volumes_it_keeps(monkeypatch):
    subject = rl.load_subject("simulated")
    without_memory(monkeypatch, reading, "_in_steps")
    shell, shown, needs = InteractiveShell(), [], []
    monkeypatch.setattr(shell, "_showtraceback", lambda kind, value, lines: shown.append(lines))
    for controls in (["threshold"], ["fwhm", "threshold"]):
        with pytest.raises(MemoryError, match="^There is too little memory for .*bold.nii.gz: this needs about") as caught:
            rl.explore(subject, *controls)
        needs.append(int(re.search(r"(\d+) MiB; close other notebooks.$", str(caught.value))[1]))
        shell.showtraceback((caught.type, caught.value, caught.tb))
        assert shown.pop() == [str(caught.value)], "a notebook shows the sentence alone"
    volumes = np.isin(subject.conditions, ["face", "house"]).sum()
    assert abs(needs[1] - needs[0] - volumes * 40 * 64 * 64 * 2 / 2**20) <= 1
    with pytest.raises(MemoryError, match=f"about {needs[1] + 15} MiB"):  # the contrast of each of 12 runs
        rl.workbench(subject)


@pytest.mark.parametrize("test", ["volumes", "runs"])
def test_an_explorer_that_ran_out_of_memory_is_right_afterwards(small_folder, monkeypatch, test):
    """What was half summed up when memory ran out is not used later."""
    subject = rl.load_subject(small_folder)
    expected = SubjectMaps(subject, runs=True).maps(3, test).t_img
    explorer = rl.explore(subject, "threshold")._of_subject if test == "runs" else SubjectMaps(subject)
    steps._remembered.clear()  # else nothing would be read
    before = reading._in_steps

    def ends_early(stored, step):
        yield from (item for item in before(stored, 20) if item[0] < 40)
        raise MemoryError("Unable to allocate 9 GiB")

    monkeypatch.setattr(reading, "_in_steps", ends_early)
    with pytest.raises(MemoryError, match="close other notebooks"):
        explorer.maps(3, test)
    monkeypatch.undo()
    np.testing.assert_array_equal(array(explorer.maps(3, test).t_img), array(expected))


def test_a_slider_that_asks_for_too_much_memory_says_so_on_the_page(small_folder, monkeypatch):
    explorer = rl.explore(rl.load_subject(small_folder), "fwhm", "threshold")
    without_memory(monkeypatch, one_pass, "smooth_chunk")
    explorer.fwhm.value = 3
    assert explorer.readout.value.startswith("There is too little memory for") and "MiB; close" in explorer.readout.value
    monkeypatch.undo()
    without_memory(monkeypatch, decisions, "decide")
    explorer.threshold.value = 2
    assert explorer.readout.value == "There is too little memory; close other notebooks."


# --- the work is done, and then something fails ---------------------------------------


def extract_to(stdout, small_folder, out, **environment):
    command = [sys.executable, "-m", "roilessons.app.cli", "extract", str(small_folder), "--out", str(out)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, env=environment, timeout=PATIENCE)
    assert sorted(path.name for path in out.iterdir()) == sorted(OUTPUTS)
    return done.returncode, done.stderr.decode()


def test_a_console_that_cannot_show_the_path(small_folder, tmp_path):
    out = tmp_path / "результат"
    assert extract_to(subprocess.PIPE, small_folder, out, PYTHONIOENCODING="ascii") == (0, "")


def test_a_reader_who_has_gone(small_folder, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as closed:
        assert extract_to(closed, small_folder, tmp_path / "out") == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no disk that is always full")
def test_no_room_for_what_is_printed(small_folder, tmp_path):
    with open("/dev/full", "w") as full:
        code, errors = extract_to(full, small_folder, tmp_path / "out")
    assert (code, errors) == (0, f"Written to {tmp_path / 'out'}, but it cannot be shown here (No space left on device).\n")


def test_ctrl_c_when_everything_is_written(small_folder, tmp_path, monkeypatch, shell):
    remove = shutil.rmtree

    def interrupted(*arguments, **options):
        monkeypatch.setattr(shutil, "rmtree", remove)
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    code, _, errors = shell("extract", small_folder, "--out", tmp_path / "out")
    assert (code, errors) == (0, [f"Stopped when everything was written to {tmp_path / 'out'}."])
    assert set(OUTPUTS) <= {path.name for path in (tmp_path / "out").iterdir()}


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("theirs", OUTPUTS)
def test_a_result_that_another_process_writes_meanwhile_is_kept(small_folder, tmp_path, monkeypatch, theirs, links):
    free, out = extract_module.check_free, tmp_path / "out"

    def meanwhile(folder):
        free(folder)
        if folder.exists():
            (folder / theirs).write_text("theirs")

    monkeypatch.setattr(extract_module, "check_free", meanwhile)
    if not links:
        monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(FileExistsError, match=f"{theirs} is there already and is kept"):
        extract(small_folder, out)
    assert [path.name for path in out.iterdir()] == [theirs] and (out / theirs).read_text() == "theirs"


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("count", range(4))
def test_ctrl_c_between_the_files_takes_back_only_our_own(small_folder, tmp_path, monkeypatch, count, links):
    """At its worst moment: right after a file got its name, and before anyone took note of it."""
    named, made, out = [], getattr(os, "link" if links else "replace"), tmp_path / "out"

    def interrupted(draft, path):
        made(draft, path)
        named.append(path)
        if len(named) > count:
            raise KeyboardInterrupt

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "link" if links else "replace", interrupted)
    with pytest.raises(KeyboardInterrupt) as stopped:
        extract(small_folder, out)
    if links and count == 3:
        assert str(stopped.value) and sorted(path.name for path in out.iterdir()) == sorted(OUTPUTS)
    else:
        assert not str(stopped.value) and not out.exists()


KILLED = """
import os, signal, sys
from roilessons.batch import extract
extract.json.dumps = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
extract.extract(sys.argv[1], sys.argv[2])
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_a_killed_run_leaves_nothing_to_the_next(small_folder, tmp_path):
    child = run(KILLED, small_folder, tmp_path / "out")
    child.communicate(timeout=PATIENCE)
    assert child.returncode == -signal.SIGKILL and len(list((tmp_path / "out").glob(".draft-*"))) == 1
    extract(small_folder, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(OUTPUTS)


# --- Ctrl-C ---------------------------------------------------------------------------


ENDLESS = """
import signal, sys, time
from roilessons.volumes import one_pass
from roilessons.app.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs tests in the background has Ctrl-C ignored
chunks, end = one_pass.chunks, time.monotonic() + 300
def endless(series):
    print("in the pass", flush=True)
    while time.monotonic() < end:
        for _, volumes in chunks(series):
            yield 0, volumes
one_pass.chunks = endless
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is no signal to one process on Windows")
def test_ctrl_c_in_the_middle_of_a_pass(small_folder, tmp_path):
    child = run(ENDLESS, "extract", small_folder, "--out", tmp_path / "out")
    assert child.stdout.readline() == "in the pass\n"
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    out, errors = child.communicate(timeout=PATIENCE)
    assert (child.returncode, out, errors) == (130, "", "Stopped; nothing was written.\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is no signal to one process on Windows")
def test_an_interrupted_cell_leaves_the_kernel_usable(small_folder, monkeypatch):
    subject = rl.load_subject(small_folder)
    expected = array(rl.mean_epi(subject.func))
    chunks = one_pass.chunks

    def endless(series):
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()  # now, when it meets who is ready for it
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for _, volumes in chunks(series):
                yield 0, volumes

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with monkeypatch.context() as patched:
        patched.setattr(one_pass, "chunks", endless)
        with pytest.raises(KeyboardInterrupt):
            rl.t_test(subject.func, subject.labels["labels"])
    signal.signal(signal.SIGINT, before)
    np.testing.assert_array_equal(array(rl.mean_epi(subject.func)), expected)


def test_voxels_that_begin_inside_the_header_are_refused(small_folder):
    path = small_folder / "bold.nii.gz"
    stored = bytearray(gzip.decompress(path.read_bytes()))
    stored[108:112] = bytes(4)  # vox_offset
    path.write_bytes(gzip.compress(stored))
    with pytest.raises(ValueError, match="begin inside its header"):
        rl.load_subject(small_folder)

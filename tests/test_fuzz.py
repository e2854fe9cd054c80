"""Thousands of files that no program ever wrote: each ends in one sentence or in the right atlas.

Nothing here is left to chance from run to run: the seeds are fixed.
"""

import gzip
import itertools
import random
import string
import warnings

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import AFFINE, DESIGN, array, small_series, write_subject
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

import roilessons as rl
from roilessons.batch.extract import extract
from roilessons.subject import CONDITIONS, read_labels
from roilessons.volumes.reading import open_series

SHAPE = (8, 9, 6)
FLIPS = {"bold.nii.gz": 1200, "labels.txt": 600, "mask4_vt.nii.gz": 300}  # files spoilt
HEADERS = 600  # headers spoilt, with a checksum that fits
EXAMPLES = 150  # of Hypothesis, a test

many = settings(
    max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A subject of 432 voxels and 20 volumes in whom ROIs are found."""
    data, conditions, runs = small_series(shape=SHAPE, runs=1, seed=3)
    folder = write_subject(tmp_path_factory.mktemp("fuzz") / "subj", data, conditions, runs)
    mask = np.zeros(SHAPE, np.uint8)
    mask[1:8, 1:8, 1:6] = 1
    nib.save(nib.Nifti1Image(mask, AFFINE), folder / "mask4_vt.nii.gz")
    return folder


def result_or_sentence(folder, out):
    """(the atlas and its numbers, None), or (None, the sentence). Anything else that is raised is a bug."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # a learner would see it beside the sentence
        try:
            result = extract(folder, out, fwhm=3, dilate=1, test="volumes")
        except (ValueError, OSError) as error:
            sentence = str(error)
            assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 1000, sentence
            assert not out.exists(), "nothing is written"
            return None, sentence
    img = nib.load(out / "mask_atlas.nii.gz")
    numbers = {key: value for key, value in result.summary.items() if key not in ("inputs", "versions")}
    signals = pd.read_csv(out / "signals.tsv", sep="\t").drop(columns="run")
    return (array(img).tobytes(), img.affine.tobytes(), numbers, result.table.to_csv(), signals.to_csv()), None


def spoil(content, chance):
    """One of the things that happen to files: bytes change, go or come, or the end is missing."""
    content, place = bytearray(content), chance.randrange(len(content))
    kind = chance.choice(["bit", "bit", "byte", "bytes", "gone", "more", "cut", "zeros"])
    if kind == "bit":
        content[place] ^= 1 << chance.randrange(8)
    elif kind == "byte":
        content[place] = chance.randrange(256)
    elif kind == "bytes":
        content[place : place + 4] = chance.randbytes(len(content[place : place + 4]))
    elif kind == "gone":
        del content[place : place + chance.randint(1, 3)]
    elif kind == "more":
        content[place:place] = chance.randbytes(chance.randint(1, 3))
    elif kind == "cut":
        del content[place:]
    else:
        content[place : place + 64] = bytes(len(content[place : place + 64]))
    return bytes(content)


@pytest.mark.parametrize("name", FLIPS)
def test_a_spoilt_file_is_refused_or_makes_no_difference(folder, tmp_path, name):
    expected, _ = result_or_sentence(folder, tmp_path / "expected")
    assert expected[2]["n_rois"] > 0
    path, chance, sentences = folder / name, random.Random(name), 0
    content = path.read_bytes()
    # Packed without being made smaller, a file shows its header and its voxels to what spoils it.
    bare = gzip.compress(gzip.decompress(content), 0) if name.endswith(".gz") else content
    try:
        for case in range(FLIPS[name]):
            sound = bare if case % 4 > 1 else content
            head = 40 if sound is content else 400  # every second time it is the headers that suffer
            spoilt = spoil(sound[:head], chance) + sound[head:] if case % 2 else spoil(sound, chance)
            path.write_bytes(spoilt)
            got, sentence = result_or_sentence(folder, tmp_path / str(case))
            assert sentence or got == expected or describes_another(name, spoilt, content), f"case {case} is silently wrong"
            sentences += sentence is not None
    finally:
        path.write_bytes(content)
    assert sentences > FLIPS[name] // 2


def describes_another(name, spoilt, content):
    """Whether a spoilt text is a sound one of another design: it names other conditions than it did."""
    if name != "labels.txt":
        return False
    return [line.split()[:1] for line in spoilt.splitlines()] != [line.split()[:1] for line in content.splitlines()]


def fields():
    """(first byte, bytes) of every field of a NIfTI-1 header that describes the voxels."""
    names = "sizeof_hdr dim datatype bitpix pixdim vox_offset scl_slope scl_inter xyzt_units qform_code sform_code"
    for name in f"{names} quatern_b quatern_c quatern_d srow_x srow_y srow_z magic".split():
        dtype, first = nib.nifti1.header_dtype.fields[name]
        yield first, dtype.itemsize


EXTREME = [np.float32(v).tobytes() for v in (0, -1, np.nan, np.inf, 1e-30, 1e30, 3.4e38)]
EXTREME += [np.int16(v).tobytes() for v in (0, -1, 1, 7, 32767, -32768, 2, 16, 32, 64, 128, 256, 512, 768, 1024, 1536, 2304)]


@pytest.mark.parametrize("name", ["bold.nii.gz", "mask4_vt.nii.gz"])
def test_a_header_that_makes_no_sense(folder, tmp_path, name):
    """The checksum fits, so the header is all there is to go by: it is refused, or the result has sound numbers."""
    path, chance = folder / name, random.Random(f"header of {name}")
    content = path.read_bytes()
    plain, places = gzip.decompress(content), list(fields())
    try:
        for case in range(HEADERS // 2):
            spoilt = bytearray(plain)
            for _ in range(chance.randint(1, 3)):
                first, size = chance.choice(places)
                new = chance.choice([chance.choice(EXTREME), chance.randbytes(chance.randint(1, 4))])[:size]
                first += chance.randrange(0, size - len(new) + 1, min(len(new), 2))
                spoilt[first : first + len(new)] = new
            path.write_bytes(gzip.compress(bytes(spoilt), 1))
            got, _ = result_or_sentence(folder, tmp_path / str(case))
            if got is not None:
                assert np.isfinite(np.frombuffer(got[1])).all() and "nan" not in got[3].lower(), f"case {case}"
    finally:
        path.write_bytes(content)


words = st.one_of(st.sampled_from([*CONDITIONS, "labels", "chunks", "0", "1", "-1", "٣", "²", "1e3", ""]), st.text(max_size=5))
lines = st.lists(st.builds(" ".join, st.lists(words, max_size=3)), max_size=6)
ends = st.sampled_from(["\n", "\r\n", "\r", "\n\n", " \n", "\0"])


@many
@given(head=st.sampled_from(["labels chunks", "\ufefflabels chunks", "labels", ""]), lines=lines, end=ends)
def test_any_text_for_labels(tmp_path_factory, head, lines, end):
    path = tmp_path_factory.getbasetemp() / "labels.txt"
    path.write_bytes(end.join([head, *lines]).encode("utf-8", "surrogatepass"))
    try:
        labels = read_labels(path)
    except ValueError as error:
        assert str(path) in str(error)
    else:
        assert set(labels["labels"]) <= set(CONDITIONS) and (labels["chunks"] >= 0).all()


@many
@given(source=st.text(string.printable, max_size=12))
def test_any_text_for_a_subject(source, folder):
    source = f"nowhere/{source}"
    with pytest.raises((ValueError, OSError)):
        rl.load_subject(source)


dtypes = st.sampled_from(["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8", ">i2", ">f4", "c8", "c16"])
shapes = st.lists(st.integers(1, 5), min_size=1, max_size=5).map(tuple)


@many
@given(dtype=dtypes, shape=shapes, seed=st.integers(0, 99), name=st.sampled_from(["x.nii", "x.nii.gz"]))
def test_any_type_and_shape_of_a_series(tmp_path_factory, dtype, shape, seed, name):
    """What is read is what nibabel reads, or a sentence."""
    path = tmp_path_factory.getbasetemp() / name
    values = np.random.default_rng(seed).integers(0, 255, shape).astype(dtype)
    nib.save(nib.Nifti1Image(values, AFFINE, dtype=values.dtype), path)
    try:
        series = open_series(path)
    except ValueError as error:
        assert str(path) in str(error) and (len(shape) != 4 or values.dtype.kind == "c")
        return
    assert len(shape) == 4 and series.n_volumes == shape[3]
    np.testing.assert_allclose(array(rl.mean_epi(path, 0)), np.asarray(values, float).mean(axis=3), rtol=1e-6, atol=1e-6)


unusual = st.sampled_from([0.0, -1.0, np.nan, np.inf, -np.inf, 1e-300, 1e30, 1e200, 1e308, 7.0])


@many
@given(dtype=st.sampled_from(["i2", "u1", "f4", "f8"]), seed=st.integers(0, 999), where=st.integers(0, 50), value=unusual)
def test_t_is_that_of_scipy_and_unusual_voxels_harm_no_other(dtype, seed, where, value):
    conditions = np.array(DESIGN)
    values = np.random.default_rng(seed).normal(100, 5, (4, 3, 5, len(DESIGN))).astype(dtype)
    values[..., conditions == "face"] += np.array(6, dtype)
    unusual = np.zeros(values.shape[:3], bool)
    unusual.flat[where] = True
    if np.dtype(dtype).kind == "f":
        with np.errstate(over="ignore"):
            values[unusual, ::4] = value
    else:
        values[unusual] = 7
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        made = rl.t_test(nib.Nifti1Image(values, AFFINE), conditions, fwhm=0)
    face, house = (values[..., conditions == name].astype(float) for name in ("face", "house"))
    expected = stats.ttest_ind(face[~unusual], house[~unusual], axis=-1).statistic
    np.testing.assert_allclose(array(made.t_img)[~unusual], expected, rtol=1e-5, atol=1e-6)
    assert not np.isnan(array(made.t_img)).any() and np.isfinite(array(made.log_p_img)).all()


settings_ = st.one_of(st.none(), st.booleans(), st.integers(-3, 10**20), st.floats(), st.text(max_size=3), st.just([1, 2]))


@many
@given(seed=st.integers(0, 999), setting=settings_, which=st.sampled_from(["threshold", "dilate", "label", "minimum", "fwhm"]))
def test_any_setting_of_a_step(seed, setting, which):
    """The answer of SciPy, or a sentence."""
    values = np.random.default_rng(seed).normal(size=(5, 6, 4))
    img = nib.Nifti1Image(values, AFFINE)
    mask = values > 0
    try:
        if which == "threshold":
            np.testing.assert_array_equal(array(rl.threshold(img, setting)), values >= float(setting))
        elif which == "dilate":
            times = min(setting, 20) if isinstance(setting, int) else setting
            expected = array(rl.dilate(img, setting))
            np.testing.assert_array_equal(expected, ndimage.binary_dilation(mask, iterations=times) if times else mask)
        elif which == "label":
            rl.label(img, setting)
            assert setting in (6, 18, 26)
        elif which == "minimum":
            sizes = np.bincount(array(rl.label(img, 6, setting)).ravel())[1:]
            assert (sizes >= setting).all()
        else:
            rl.mean_epi(nib.Nifti1Image(values[..., None], AFFINE), setting)
            assert not setting or 0 <= float(setting) <= 100
    except (ValueError, TypeError) as error:
        assert type(error) is ValueError and str(error).endswith("."), error


@many
@given(seed=st.integers(0, 9999), connectivity=st.sampled_from([6, 18, 26]), share=st.floats(0, 1))
def test_labels_are_those_of_scipy_by_size(seed, connectivity, share):
    mask = np.random.default_rng(seed).random((6, 7, 5)) < share
    made = array(rl.label(nib.Nifti1Image(mask.astype(np.uint8), AFFINE), connectivity))
    found, n = ndimage.label(mask, ndimage.generate_binary_structure(3, {6: 1, 18: 2, 26: 3}[connectivity]))
    assert made.max() == n and (np.bincount(made[found > 0], minlength=1)[0] == 0)
    pairs = set(zip(made[mask].tolist(), found[mask].tolist(), strict=True))
    assert len(pairs) == n
    sizes = np.bincount(made.ravel())[1:]
    assert (np.diff(sizes) <= 0).all()
    first = [np.flatnonzero(made.ravel() == i + 1)[0] for i in range(n)]
    assert all(a < b for (s, a), (t, b) in itertools.pairwise(zip(sizes, first, strict=True)) if s == t)

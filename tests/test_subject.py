"""Where a subject comes from, and what is refused."""

import dataclasses
import gzip

import nibabel as nib
import numpy as np
import pytest
from conftest import AFFINE, DESIGN, small_series, write_subject

import roilessons as rl
from roilessons.volumes.reading import chunks, open_series


def test_a_folder(small_folder):
    subject = rl.load_subject(small_folder)
    assert subject.name == "subj" and subject.func == small_folder / "bold.nii.gz"
    assert subject.mask is subject.anat is subject.truth is None and subject.t_r == 2.5
    assert list(subject.labels.columns) == ["labels", "chunks"] and len(subject.labels) == 60
    assert subject.conditions.tolist() == subject.labels["labels"].tolist() == DESIGN * 3
    assert subject.runs.tolist() == subject.labels["chunks"].tolist() == [0] * 20 + [1] * 20 + [2] * 20
    vt = nib.load(subject.mask_vt)
    voxel = np.round(nib.affines.apply_affine(np.linalg.inv(vt.affine), subject.cut_coords)).astype(int)
    assert np.asarray(vt.dataobj)[tuple(voxel)] == 1


def test_a_subject_cannot_be_changed(small_folder):
    subject = rl.load_subject(small_folder)
    with pytest.raises(dataclasses.FrozenInstanceError):
        subject.t_r = 2.0
    labels = subject.labels
    labels.loc[0, "labels"] = "face"
    subject.conditions[0] = "face"
    assert subject.labels.loc[0, "labels"] == subject.conditions[0] == "rest"


def test_a_subject_with_truth_is_itself_and_another_gives_way_to_the_simulated_one(small_folder):
    subject = rl.load_subject(small_folder)
    given = rl.with_truth(subject)
    assert (given.name, given.truth.shape) == ("simulated subject 1", (40, 64, 64))
    planted = dataclasses.replace(subject, truth=nib.load(subject.mask_vt))
    assert rl.with_truth(planted) is planted


def test_the_default_is_what_the_environment_says(small_folder, monkeypatch):
    monkeypatch.setenv("ROILESSONS_SUBJECT", str(small_folder))
    assert rl.load_subject().func == small_folder / "bold.nii.gz"


def test_an_uncompressed_series_and_a_mask_above(small_folder):
    packed = small_folder / "bold.nii.gz"
    (small_folder / "bold.nii").write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    nib.save(nib.load(small_folder / "mask4_vt.nii.gz"), small_folder.parent / "mask.nii.gz")
    subject = rl.load_subject(small_folder)
    assert subject.func.name == "bold.nii" and subject.mask == small_folder.parent / "mask.nii.gz"


def test_a_mask_of_its_own_comes_before_the_one_above(small_folder):
    for folder in (small_folder, small_folder.parent):
        nib.save(nib.load(small_folder / "mask4_vt.nii.gz"), folder / "mask.nii.gz")
    assert rl.load_subject(small_folder).mask == small_folder / "mask.nii.gz"


def test_the_mask_of_the_real_slice_lies_above(real_slice):
    assert rl.load_subject(real_slice).mask == real_slice.parent / "mask.nii.gz"


def cut(path, share=0.5):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def rewrite_labels(folder, change):
    path = folder / "labels.txt"
    path.write_text(change(path.read_text()))


def other_grid(folder, shape, affine=AFFINE):
    nib.save(nib.Nifti1Image(np.ones(shape, np.uint8), affine), folder / "mask4_vt.nii.gz")


def three_d(folder):
    nib.save(nib.Nifti1Image(np.ones((5, 5, 5), np.int16), AFFINE), folder / "bold.nii.gz")


FAULTS = {
    "no bold": (lambda f: (f / "bold.nii.gz").unlink(), "has no bold.nii.gz"),
    "no labels": (lambda f: (f / "labels.txt").unlink(), "has no labels.txt"),
    "no mask": (lambda f: (f / "mask4_vt.nii.gz").unlink(), "has no mask4_vt.nii.gz"),
    "bold cut short": (lambda f: cut(f / "bold.nii.gz"), "bold.nii.gz is cut short"),
    "bold nearly empty": (lambda f: cut(f / "bold.nii.gz", 0.001), "cannot be read"),
    "bold empty": (lambda f: cut(f / "bold.nii.gz", 0), "cannot be read"),
    "mask cut short": (lambda f: cut(f / "mask4_vt.nii.gz"), "mask4_vt.nii.gz cannot be read"),
    "no image": (lambda f: (f / "bold.nii.gz").write_text("hello"), "cannot be read"),
    "3D": (three_d, "not a 4D series"),
    "a label short": (lambda f: rewrite_labels(f, lambda t: t[: t.rstrip().rindex("\n") + 1]), "59 labels.*60 volumes"),
    "a label long": (lambda f: rewrite_labels(f, lambda t: t + "rest 2\n"), "61 labels.*60 volumes"),
    "unknown condition": (lambda f: rewrite_labels(f, lambda t: t.replace("face", "fase")), "line 5: 'fase' is an unknown"),
    "no header": (lambda f: rewrite_labels(f, lambda t: t.partition("\n")[2]), "must start with the line"),
    "no run": (lambda f: rewrite_labels(f, lambda t: t.replace("cat 1", "cat")), "line 37: expected a condition and"),
    "empty line": (lambda f: rewrite_labels(f, lambda t: t.replace("cat 1\n", "\n", 1)), "line 37"),
    "mask's shape": (lambda f: other_grid(f, (5, 5, 5)), "different grids: shapes "),
    "mask's affine": (lambda f: other_grid(f, (12, 14, 9), np.eye(4)), "different grids: the affines differ"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_refused(small_folder, fault):
    spoil, words = FAULTS[fault]
    spoil(small_folder)
    with pytest.raises((ValueError, FileNotFoundError), match=words) as caught:
        rl.load_subject(small_folder)
    assert "\n" not in str(caught.value)


def test_windows_line_ends_and_a_missing_last_one(small_folder):
    expected = rl.load_subject(small_folder).labels
    path = small_folder / "labels.txt"
    path.write_bytes(path.read_bytes().rstrip().replace(b"\n", b"\r\n"))
    assert rl.load_subject(small_folder).labels.equals(expected)


def test_other_conditions_where_they_are_named(tmp_path):
    data, conditions, runs = small_series()
    conditions = np.where(conditions == "face", "word", conditions)
    folder = write_subject(tmp_path, data, conditions, runs)
    with pytest.raises(ValueError, match="'word' is an unknown condition"):
        rl.load_subject(folder)
    assert "word" in set(rl.load_subject(folder, conditions=["word", "rest", "house", "cat"]).labels["labels"])


def test_no_such_source():
    with pytest.raises(FileNotFoundError, match="a subject is 'simulated', 'haxby' or a folder"):
        rl.load_subject("nowhere")
    with pytest.raises(ValueError, match="numbered 1 to 6"):
        rl.load_subject("simulated:7")
    with pytest.raises(ValueError, match="numbered 1 to 6"):
        rl.load_subject("haxby:x")


def test_no_network_names_the_offline_choice(tmp_path, monkeypatch, no_network):
    monkeypatch.setenv("NILEARN_DATA", str(tmp_path))
    monkeypatch.delenv("NILEARN_SHARED_DATA", raising=False)
    with pytest.raises(ConnectionError, match="load_subject\\('simulated'\\)"):
        rl.load_subject("haxby")


def test_a_wrong_checksum_is_found_in_the_pass(small_folder):
    path = small_folder / "bold.nii.gz"
    damaged = bytearray(path.read_bytes())
    damaged[-6] ^= 1  # in the CRC
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match="cut short or damaged"):
        rl.mean_epi(rl.load_subject(small_folder).func)


def test_a_gzip_file_of_two_members_is_whole(small_folder):
    path = small_folder / "bold.nii.gz"
    plain = gzip.decompress(path.read_bytes())
    expected = np.asarray(nib.load(path).dataobj)
    path.write_bytes(gzip.compress(plain[:5000]) + gzip.compress(plain[5000:]))
    subject = rl.load_subject(small_folder)
    read = np.concatenate([volumes for _, volumes in chunks(open_series(subject.func))])
    np.testing.assert_array_equal(read.T, expected)

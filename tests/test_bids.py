"""A BIDS dataset in: what is found, how each run is modelled, and a sentence for each of the ways a dataset can be bad."""

import gzip
import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import array

import roilessons as rl
from roilessons.batch.derivatives import prefix_of
from roilessons.datasets import bids as bids_files
from roilessons.datasets import masks
from roilessons.datasets.listening import ATLAS, MNI_AFFINE, MNI_SHAPE, SPACE
from roilessons.inference.contrasts import weights_of_models
from roilessons.volumes import one_pass as one_pass_module
from roilessons.volumes.one_pass import Spread, one_pass
from roilessons.volumes.reading import chunks, open_series

VALIDATOR = sys.executable, "-c", "from bids_validator_deno import cli; cli()"
CONTRAST = ("speech", "music")
FUNC, PREPARED = "sub-01/func", "derivatives/fmriprep/sub-01/func"
NAME = "sub-01_task-sounds_run-{}"
BOLD, BRAIN = (f"{PREPARED}/{NAME}_space-{SPACE}_desc-{what}" for what in ("preproc_bold.nii.gz", "brain_mask.nii.gz"))
SIDECAR = BOLD.replace("nii.gz", "json")
EVENTS, CONFOUNDS = f"{FUNC}/{NAME}_events.tsv", f"{PREPARED}/{NAME}_desc-confounds_timeseries.tsv"
MASK = f"derivatives/atlas/tpl-{SPACE}/{ATLAS}.nii.gz"


def loaded(folder, **asked):
    return rl.load_subject(rl.Bids(folder, **{"sub": "01", "mask": folder / MASK} | asked))


def rewrite(path, change):
    path.write_text(change(path.read_text()))


def table(path, change):
    change(pd.read_csv(path, sep="\t", dtype=object, keep_default_na=False)).to_csv(path, sep="\t", index=False)


def with_value(column, row, value):
    def change(rows):
        rows.loc[row, column] = value
        return rows

    return lambda path: table(path, change)


def save_like(path, voxels, affine=None):
    nib.save(nib.Nifti1Image(voxels, nib.load(path).affine if affine is None else affine), path)


# ---- the example ----


@pytest.mark.parametrize("part", [".", "derivatives/fmriprep", "derivatives/atlas"])
def test_the_example_is_bids(made, part):
    done = subprocess.run(
        [*VALIDATOR, "--ignoreWarnings", "--format", "json", made / part], capture_output=True, text=True
    )
    errors = [one for one in json.loads(done.stdout)["issues"]["issues"] if one["severity"] == "error"]
    assert done.returncode == 0 and not errors, errors


def test_the_example_is_always_the_same_and_overwrites_nothing(made, tmp_path):
    again = rl.example_bids(tmp_path / "study", subjects=1, runs=1)
    for path in (BOLD, BRAIN, EVENTS, CONFOUNDS):
        assert (again / path.format(1)).read_bytes() == (made / path.format(1)).read_bytes(), path
    with pytest.raises(FileExistsError, match="is there already and is kept"):
        rl.example_bids(tmp_path / "study")


def test_the_derivatives_are_the_raw_series_resampled(made):
    """What is planted lies in the atlas's spheres, and only there."""
    subject = loaded(made, sub="02", run="1")
    events = subject.recordings[0].events
    assert events["trial_type"].value_counts().to_dict() == {"speech": 2, "music": 2, "noise": 2}
    atlas = array(nib.load(made / MASK))
    data = array(nib.load(subject.func[0])).astype(float)
    means = [data[atlas == side][:, subject.conditions == sound].mean() for side in (1, 2) for sound in CONTRAST]
    left, right = np.subtract(*means[:2]), np.subtract(*means[2:])
    assert left > 0 > right


# ---- what is found ----


def test_all_runs_are_found_and_a_volume_with_motion_is_left_out(made):
    subject = loaded(made)
    assert [run.n_volumes for run in subject.recordings] == [84, 80, 92] and subject.t_r == 2.0
    assert [run.files.name for run in subject.recordings] == ["run-1", "run-2", "run-3"]
    assert [np.flatnonzero(~run.kept).tolist() for run in subject.recordings] == [[], [23, 24], []]
    assert subject.labels["chunks"].value_counts().to_dict() == {1: 84, 2: 80, 3: 92} and subject.notes == ()
    assert [len(run.confounds.columns) for run in subject.recordings] == [6, 6, 6]
    events = pd.read_csv(made / EVENTS.format(2), sep="\t")
    by_rule = rl.labels_from_events(events, 80, 2.0)["labels"].tolist()
    assert subject.conditions[84:164].tolist() == by_rule


def test_some_runs_a_motion_limit_and_other_confounds(made):
    subject = loaded(made, run=("02", 3), motion_limit=None, confounds=("motion=full", "high_pass", "global_signal"))
    assert [run.number for run in subject.recordings] == [2, 3] and subject.kept.all()
    assert "Not taken: 1 other runs." in subject.notes
    assert [len(run.confounds.columns) for run in subject.recordings] == [24 + 2 + 1, 24 + 2 + 1]
    assert "drift_1" not in subject.models[0] and "confound_cosine00" in subject.models[0]


def test_files_in_folders_above_apply_and_the_nearest_wins(dataset):
    events = dataset / EVENTS
    shutil.move(str(events).format(1), dataset / "task-sounds_run-1_events.tsv")
    (dataset / "task-other_events.tsv").write_text("onset\n")
    for run in (1, 2, 3):
        rewrite(Path(str(dataset / SIDECAR).format(run)), lambda text: text.replace("RepetitionTime", "Other"))
    (dataset / "derivatives/fmriprep/task-sounds_bold.json").write_text('{"RepetitionTime": 2.001, "StartTime": 0.5}')
    (dataset / "derivatives/fmriprep/sub-01/sub-01_bold.json").write_text('{"StartTime": 1}')
    subject = loaded(dataset)
    assert subject.found.runs[0].events == dataset / "task-sounds_run-1_events.tsv"
    assert subject.t_r == 2.001 and {run.start for run in subject.recordings} == {1.0}
    assert not subject.models[0]["speech"].equals(loaded(dataset, sub="02").models[0]["speech"])


def test_sessions_spaces_and_tasks(dataset):
    for folder in (dataset / FUNC, dataset / PREPARED):
        session = folder.parent / "ses-a" / "func"
        session.parent.mkdir()
        folder.rename(session)
        for path in list(session.iterdir()):
            path.rename(session / path.name.replace("sub-01_", "sub-01_ses-a_"))
    subject = loaded(dataset)
    assert [run.files.name for run in subject.recordings] == ["ses-a run-1", "ses-a run-2", "ses-a run-3"]
    assert subject.found.entities == {"sub": "01", "ses": "a", "task": "sounds"}
    assert all(run.files.events and run.files.confounds for run in subject.recordings)
    assert len(loaded(dataset, sub="02").recordings) == 3
    prepared = dataset / "derivatives/fmriprep/sub-01/ses-a/func"
    for path in list(prepared.glob("*run-3_space*")):
        path.rename(prepared / path.name.replace(f"space-{SPACE}", f"space-{SPACE}_res-2"))
    with pytest.raises(ValueError, match=f"several spaces, {SPACE}, {SPACE}:res-2: name one with --space"):
        loaded(dataset)
    assert [run.number for run in loaded(dataset, space=f"{SPACE}:res-2").recordings] == [3]
    assert [run.number for run in loaded(dataset, ses="a", space=f"space-{SPACE}:res-2").recordings] == [3]


def test_what_fmriprep_may_do_with_names(dataset):
    """Single echoes beside the combined series, a template with cohorts, zeros of the raw names dropped."""
    renamed("_run-", "_echo-2_run-", (PREPARED,), copy=True)(dataset)
    renamed(SPACE, f"{SPACE}_cohort-2_res-1", (PREPARED,))(dataset)
    renamed("_run-", "_acq-a_dir-AP_part-mag_run-", (PREPARED,))(dataset)
    renamed("_run-", "_acq-a_run-0", (FUNC,))(dataset)
    subject = loaded(dataset)
    assert [run.number for run in subject.recordings] == [1, 2, 3] and subject.notes == ("Not taken: 3 series of single echoes.",)
    assert [run.files.events.name for run in subject.recordings] == [f"sub-01_task-sounds_acq-a_run-0{run}_events.tsv" for run in (1, 2, 3)]
    assert prefix_of(subject.found) == f"sub-01_task-sounds_space-{SPACE}_cohort-2_res-1"
    assert prefix_of(subject.found, subject.found.runs[0]) == f"sub-01_task-sounds_acq-a_dir-AP_part-mag_run-1_space-{SPACE}_cohort-2_res-1"


def test_runs_of_one_number_stay_apart(dataset):
    renamed("_run-3", "_acq-b_run-01")(dataset)
    subject = loaded(dataset)
    assert sorted(subject.labels["chunks"].value_counts()) == [80, 84, 92]


def test_the_derivatives_may_be_named_and_be_elsewhere(dataset, tmp_path):
    shutil.copytree(dataset / "derivatives/fmriprep", dataset / "derivatives/other")
    with pytest.raises(ValueError, match="several folders of prepared series, fmriprep, other: name one"):
        loaded(dataset)
    assert loaded(dataset, derivatives="other").found.prepared == dataset / "derivatives/other"
    elsewhere = Path(shutil.move(dataset / "derivatives/other", tmp_path / "elsewhere"))
    assert loaded(dataset, derivatives=elsewhere).func[0].is_relative_to(elsewhere)
    inside = rl.load_subject(rl.Bids(dataset / "derivatives/fmriprep", sub="sub-01", mask=dataset / MASK))
    assert inside.found.raw == dataset and inside.recordings[0].files.events


def test_a_folder_with_brackets_and_blanks_in_its_name(dataset):
    moved = dataset.rename(dataset.parent / "my [new] study*")
    assert len(loaded(moved).recordings) == 3


# ---- the mask ----


def test_a_mask_is_an_image_or_a_label_of_an_atlas(made, tmp_path):
    atlas = array(nib.load(made / MASK))
    for name, number in (("left auditory", 1), ("right auditory", 2), ("2", 2)):
        np.testing.assert_array_equal(array(loaded(made, mask=f"{made / MASK}:{name}").mask_vt) > 0, atlas == number)
    both = loaded(made, mask=(f"{made / MASK}:1", f"{made / MASK}:2"))
    np.testing.assert_array_equal(array(both.mask_vt) > 0, atlas > 0)
    finer = np.repeat(np.repeat(np.repeat((atlas == 1).astype(np.uint8), 2, 0), 2, 1), 2, 2)
    affine = MNI_AFFINE.copy()
    affine[:3, :3] /= 2
    affine[:3, 3] -= 1  # the middle of the first of the smaller voxels
    nib.save(nib.Nifti1Image(finer, affine), tmp_path / "finer.nii.gz")
    resampled = loaded(made, mask=tmp_path / "finer.nii.gz")
    np.testing.assert_array_equal(array(resampled.mask_vt) > 0, atlas == 1)
    assert "is on another grid" in resampled.notes[0]


FSL = "fsl/data/atlases"
LABELS = '<atlas><data><label index="{}">Left Thing</label><label index="{}">Other, part</label></data></atlas>'
TWO_SIDES = LABELS.format(0, 1).replace("Left Thing", "GM Thing L").replace("Other, part", "GM Thing R")
DOWNLOADED = {  # name: nilearn's file, its table, what the table says; a label, and the values of the file that it stands for
    "harvard_oxford": ("HarvardOxford/HarvardOxford-cort-maxprob-thr25-2mm.nii.gz", "HarvardOxford-Cortical.xml", LABELS.format(0, 1), "Other, part", [2]),
    "harvard_oxford_sub": ("HarvardOxford/HarvardOxford-sub-maxprob-thr25-2mm.nii.gz", "HarvardOxford-Subcortical.xml", LABELS.format(0, 1), "1", [1]),
    "juelich": ("Juelich/Juelich-maxprob-thr25-2mm.nii.gz", "Juelich.xml", TWO_SIDES, "GM Thing", [1, 2]),
    "aal": ("AAL3v1.nii", "AAL3v1.xml", "<atlas><data><label><index>1</index><name>Thing_L</name></label><label><index>2</index>"
            "<name>Thing_R</name></label><label><index>170</index><name>Last</name></label></data></atlas>", "Last", [170]),
}  # fmt: skip


@pytest.mark.parametrize("atlas", DOWNLOADED)
def test_an_atlas_that_nilearn_downloads(made, tmp_path, monkeypatch, no_network, atlas):
    """The files lie as after a download, and nilearn itself reads them: a region is what has its number, whatever its place in a list."""
    image, table, text, label, values = DOWNLOADED[atlas]
    folder = tmp_path / ("aal_3v2/AAL3" if atlas == "aal" else FSL)
    (folder / image).parent.mkdir(parents=True)
    (folder / table).write_text(text)
    stored = np.random.default_rng(0).choice([0, 1, 2, 170] if atlas == "aal" else [0, 1, 2], MNI_SHAPE).astype(np.uint8)
    mirrored = MNI_AFFINE @ np.array([[-1, 0, 0, MNI_SHAPE[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])  # as FSL's are
    nib.save(nib.Nifti1Image(stored, mirrored), folder / image)
    monkeypatch.setenv("NILEARN_DATA", str(tmp_path))
    series = open_series(made / BOLD.format(1))
    mask, _ = masks.mask_on_grid([f"{atlas}:{label}"], series)
    np.testing.assert_array_equal(mask, np.isin(stored, values)[::-1])
    with pytest.raises(ValueError, match=f"{atlas} has no label 'Background'; there are (?!.*Background)"):
        masks.mask_on_grid([f"{atlas}:Background"], series)


def test_an_atlas_that_cannot_be_downloaded(made, tmp_path, monkeypatch, no_network):
    monkeypatch.setenv("NILEARN_DATA", str(tmp_path))
    with pytest.raises(ConnectionError, match=r"nilearn could not get the atlas juelich \(\w+\); with a network, try again\."):
        loaded(made, mask="juelich:GM Thing")


def test_without_a_mask_the_brain_is_tested(made):
    brains = [array(nib.load(made / BRAIN.format(run))) > 0 for run in (1, 2, 3)]
    np.testing.assert_array_equal(array(loaded(made, mask=()).mask_vt) > 0, np.all(brains, axis=0))


def test_what_of_the_mask_is_outside_the_brain_is_left_out_and_counted(dataset):
    brain, atlas = array(nib.load(dataset / BRAIN.format(2))).copy(), array(nib.load(dataset / MASK)) > 0
    brain[:12] = 0
    save_like(dataset / BRAIN.format(2), brain)
    subject = loaded(dataset)
    assert subject.outside_brain == (atlas & (brain == 0)).sum() > 0
    np.testing.assert_array_equal(array(subject.mask_vt) > 0, atlas & (brain > 0))


# ---- numbers ----


@pytest.mark.parametrize("confounds", [("motion=basic",), ("motion=derivatives", "high_pass"), ()])
def test_each_runs_contrast_is_that_of_nilearns_model_on_the_whole_array(made, confounds):
    """Not of all 24 motion parameters: of the smallest nilearn takes the matrix for singular, and changes it."""
    from nilearn.glm.first_level import FirstLevelModel
    from nilearn.interfaces.fmriprep import load_confounds

    subject = loaded(made, confounds=confounds)
    weights, left_out = weights_of_models(subject.models, CONTRAST, [run.kept for run in subject.recordings])
    found, _ = rl.rois_across_runs(subject, contrast=CONTRAST, weights=weights, correct="fdr", fwhm=5)
    brain = array(subject.mask) > 0
    assert not left_out
    names = [one.partition("=")[0] for one in confounds]
    for number, run in enumerate(subject.recordings):
        path = str(made / BOLD.format(run.number))
        columns = None
        if confounds:
            columns, _ = load_confounds(path, strategy=names, motion="derivatives" if "high_pass" in names else "basic")
        displacement = pd.read_csv(made / CONFOUNDS.format(run.number), sep="\t")["framewise_displacement"]
        model = FirstLevelModel(
            t_r=2.0, hrf_model="glover", noise_model="ols", signal_scaling=False, smoothing_fwhm=5, mask_img=subject.mask,
            drift_model=None if "high_pass" in names else "polynomial", drift_order=2, standardize=False,
        )  # fmt: skip
        kept = np.flatnonzero(~(displacement > 0.5))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*Given mask will be used")
            warnings.filterwarnings("error", "Matrix is singular")
            model.fit(path, pd.read_csv(made / EVENTS.format(run.number), sep="\t"), columns, kept)
        expected = array(model.compute_contrast("speech - music", output_type="effect_size"))[brain]
        contrast = array(found.contrasts_img)[..., number][brain]
        np.testing.assert_allclose(contrast, expected, atol=1e-4 * np.abs(expected).max())


def test_the_time_of_a_volume_is_that_of_nilearns_model(dataset):
    """StartTime is what fMRIPrep writes where it corrected for the time of the slices: here, for their middle."""
    from nilearn.glm.first_level import FirstLevelModel

    path = dataset / SIDECAR.format(1)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"StartTime": 1.0}))
    ours = loaded(dataset, confounds=(), motion_limit=None).models[0]
    model = FirstLevelModel(t_r=2.0, slice_time_ref=0.5, hrf_model="glover", drift_model="polynomial", drift_order=2, standardize=False)
    model.fit(str(dataset / BOLD.format(1)), pd.read_csv(dataset / EVENTS.format(1), sep="\t"))
    for condition in CONTRAST:
        np.testing.assert_allclose(ours[condition], model.design_matrices_[0][condition], atol=1e-9)


def test_masks_and_signals_are_nilearns_on_whole_arrays(made):
    from nilearn import image, masking
    from nilearn.maskers import NiftiLabelsMasker
    from scipy import stats

    subject = loaded(made, sub="02")
    weights, _ = weights_of_models(subject.models, CONTRAST, [run.kept for run in subject.recordings])
    found, prefers = rl.rois_across_runs(subject, contrast=CONTRAST, weights=weights, correct="fdr")
    paths = [str(made / BOLD.format(run).replace("sub-01", "sub-02")) for run in (1, 2, 3)]
    masks = [str(made / BRAIN.format(run).replace("sub-01", "sub-02")) for run in (1, 2, 3)]
    np.testing.assert_array_equal(array(subject.mask) > 0, array(masking.intersect_masks(masks, threshold=1, connected=False)) > 0)
    mean = image.mean_img(image.smooth_img(image.concat_imgs(paths), 6), copy_header=True)
    np.testing.assert_allclose(array(found.mean_img), array(mean), atol=0.01)

    t, p = stats.ttest_1samp(array(found.contrasts_img)[array(subject.mask_vt) > 0], 0, axis=1)
    kept = stats.false_discovery_control(p) <= 0.05
    np.testing.assert_array_equal(array(found.thresholded_img)[array(subject.mask_vt) > 0] > 0, kept)
    masker = NiftiLabelsMasker(found.labels_img, smoothing_fwhm=6, standardize=None)
    expected = np.concatenate([masker.fit_transform(path) for path in paths])
    assert expected.shape[1] == len(prefers) > 1
    np.testing.assert_allclose(found.signals.iloc[:, 3:], expected, rtol=1e-4)


def test_of_a_large_mask_nothing_is_kept_and_the_signals_are_the_same(made, monkeypatch):
    subject = loaded(made, sub="02")
    weights, _ = weights_of_models(subject.models, CONTRAST, [run.kept for run in subject.recordings])
    found = [rl.rois_across_runs(subject, contrast=CONTRAST, weights=weights, correct="fdr")[0].signals]
    monkeypatch.setattr(one_pass_module, "MOST_KEPT", 100)
    found.append(rl.rois_across_runs(subject, contrast=CONTRAST, weights=weights, correct="fdr")[0].signals)
    pd.testing.assert_frame_equal(*found)


def test_several_files_are_read_as_one_series_of_one_type(tmp_path):
    rng, parts, paths = np.random.default_rng(0), [], []
    for number, (dtype, slope) in enumerate([(np.int16, None), (np.int16, 0.5), (np.uint8, None), (np.float32, None)]):
        stored = rng.integers(0, 200, (5, 6, 7, 3 + number)).astype(dtype)
        img = nib.Nifti1Image(stored, np.eye(4))
        img.header.set_slope_inter(slope or 1, 0)
        nib.save(img, tmp_path / f"{number}.nii.gz")
        if slope:  # nibabel scales what it is given: write the stored numbers
            raw = bytearray(gzip.decompress((tmp_path / f"{number}.nii.gz").read_bytes()))
            raw[112:116] = np.float32(slope).tobytes()
            (tmp_path / f"{number}.nii.gz").write_bytes(gzip.compress(bytes(raw)))
        paths.append(tmp_path / f"{number}.nii.gz")
        parts.append(nib.load(paths[-1]).get_fdata())
    series = open_series(paths)
    whole = np.concatenate(parts, axis=3).T
    assert series.n_volumes == len(whole) == 18
    read = list(chunks(series))
    assert {volumes.dtype for _, volumes in read} == {np.dtype(np.float64)}
    assert [first for first, _ in read] == [0, 3, 7, 12]
    np.testing.assert_array_equal(np.concatenate([volumes for _, volumes in read]), whole)


def test_temporal_snr_is_that_of_each_run(made):
    subject = loaded(made)
    brain = array(subject.mask) > 0
    spread = Spread(subject.runs, brain)
    one_pass(open_series(subject.func), spread)
    runs = [np.where(brain[..., None], array(nib.load(path)), np.arange(2.0)[np.arange(n) % 2]) for path, n in zip(subject.func, (84, 80, 92), strict=True)]
    for number, data in enumerate(runs, start=1):
        np.testing.assert_allclose(spread.medians[number], np.median((data.mean(-1) / data.std(-1))[brain]))
    expected = np.mean([data.mean(-1) for data in runs], 0) / np.sqrt(np.mean([data.var(-1) for data in runs], 0))
    np.testing.assert_allclose(spread.snr()[brain], expected[brain])


# ---- bad datasets ----


def raw_only(folder):
    shutil.rmtree(folder / "derivatives/fmriprep")


def shorter(path):
    path.write_bytes(path.read_bytes()[:20_000])


def other_grid(path):
    save_like(path, array(nib.load(path)), np.diag([3, 3, 3, 1]))


def renamed(old, new, folders=(FUNC, PREPARED), copy=False):
    """Change names of files."""

    def change(dataset):
        for path in [path for folder in folders for path in (dataset / folder).iterdir() if old in path.name]:
            (shutil.copy if copy else shutil.move)(path, path.with_name(path.name.replace(old, new)))

    return change


def link_to_nothing(path):
    path.unlink()
    path.symlink_to("annex/objects/none")


def volume_timing(path):
    path.write_text(json.dumps({"VolumeTiming": [0, 2, 5, 9]}))


BAD = {
    "no description": (lambda f: (f / "dataset_description.json").unlink(), {}, "is no BIDS dataset: it has no dataset_description.json"),
    "description is no JSON": (lambda f: rewrite(f / "dataset_description.json", lambda t: t[:-5]), {}, "is not a JSON file"),
    "no version": (lambda f: rewrite(f / "dataset_description.json", lambda t: t.replace("BIDSVersion", "V")), {}, "BIDSVersion"),
    "nothing prepared": (raw_only, {}, "has no prepared series"),
    "nobody of that name": (None, {"sub": "03"}, "has no sub-03; it has sub-01, sub-02"),
    "no such task": (None, {"task": "rest"}, "has no series *_desc-preproc_bold.nii.gz of sub-01, task-rest"),
    "no such space": (None, {"space": "T1w"}, f"has no series in the space T1w; there are {SPACE}"),
    "no such run": (None, {"run": ("1", "7")}, "has no run 7 of task sounds; it has run-1, run-2, run-3"),
    "two tasks": (
        lambda f: (f / BOLD.format(3)).rename(f / BOLD.format(3).replace("sounds", "rest")), {}, "several tasks, rest, sounds: name one with --task",
    ),
    "a run twice": (lambda f: shutil.copy(f / BOLD.format(1), f / BOLD.format(1)[:-3]), {}, "has two series of run-1"),
    "a run reconstructed twice": (renamed("_run-1", "_rec-b_run-1", (PREPARED,), copy=True), {}, "has two series of run-1"),
    "single echoes": (renamed("_run-", "_echo-1_run-"), {}, "the series of sub-01 are single echoes; combine them first"),
    "a link to a series that was not fetched": (lambda f: link_to_nothing(f / BOLD.format(2)), {}, "is a link to a file that is not there"),
    "a name that is none": (lambda f: (f / BOLD.format(3)).rename(f / PREPARED / "sub-01_x_desc-preproc_bold.nii.gz"), {}, "is not named as BIDS asks"),
    "a label that would be a path": (None, {"sub": "../01"}, "--sub must be a label of letters and digits"),
    "no events at all": (lambda f: [(f / EVENTS.format(run)).unlink() for run in (1, 2, 3)], {}, "No run of sub-01 has events"),
    "no column trial_type": (
        lambda f: rewrite(f / EVENTS.format(1), lambda t: t.replace("trial_type", "condition")), {}, "has no column trial_type",
    ),
    "commas for tabs": (lambda f: rewrite(f / EVENTS.format(1), lambda t: t.replace("\t", ",")), {}, "(are there tabs between them?)"),
    "an onset that is no number": (lambda f: with_value("onset", 2, "late")(f / EVENTS.format(1)), {}, "event 3: the onset must be seconds, not late"),
    "a negative duration": (lambda f: with_value("duration", 0, "-3")(f / EVENTS.format(2)), {}, "the duration must be seconds, 0 or more, not -3"),
    "no duration": (lambda f: with_value("duration", 0, "n/a")(f / EVENTS.format(2)), {}, "the duration must be seconds, 0 or more, not n/a"),
    "milliseconds": (
        lambda f: table(f / EVENTS.format(1), lambda t: t.assign(onset=t["onset"].astype(float) * 1000)), {}, "no event lies within the run, which lasts 168 s",
    ),
    "no confounds": (lambda f: (f / CONFOUNDS.format(1)).unlink(), {}, "has no table of confounds (*_desc-confounds_timeseries.tsv); without any: --confounds none"),
    "confounds of another run": (lambda f: shutil.copy(f / CONFOUNDS.format(2), f / CONFOUNDS.format(1)), {}, "has 80 rows, but"),
    "a confound is missing": (lambda f: rewrite(f / CONFOUNDS.format(1), lambda t: t.replace("rot_x", "turn")), {}, "rot_x"),
    "no displacement": (lambda f: rewrite(f / CONFOUNDS.format(1), lambda t: t.replace("framewise", "frame")), {}, "has no column framewise_displacement"),
    "a displacement is missing": (lambda f: with_value("framewise_displacement", 5, "n/a")(f / CONFOUNDS.format(1)), {}, "of volume 6 is no number"),
    "a displacement without end": (lambda f: with_value("framewise_displacement", 5, "inf")(f / CONFOUNDS.format(1)), {}, "of volume 6 is no number"),
    "a confound is text": (lambda f: with_value("trans_x", 5, "high")(f / CONFOUNDS.format(1)), {}, "confounds_timeseries.tsv: "),
    "an unknown strategy": (None, {"confounds": ("motions",)}, "There is no confound strategy 'motions'"),
    "an unknown setting": (None, {"confounds": ("motion=most",)}, "motion"),
    "a limit below 0": (None, {"motion_limit": -1}, "The motion limit must be a number of mm above 0, not -1"),
    "no repetition time": (
        lambda f: rewrite(f / SIDECAR.format(1), lambda t: t.replace("2.0", '"two"')), {}, "says RepetitionTime: 'two', which is no number of seconds",
    ),
    "volumes at unequal times": (lambda f: volume_timing(f / SIDECAR.format(1)), {}, "has VolumeTiming: volumes that do not follow each other"),
    "another repetition time in the header": (
        lambda f: rewrite(f / SIDECAR.format(1), lambda t: t.replace("2.0", "2.5")), {}, "the sidecar says that a volume takes 2.5 s, the header says 2 s",
    ),
    "a series cut short": (lambda f: shorter(f / BOLD.format(2)), {}, "is cut short"),
    "a series that is a volume": (
        lambda f: save_like(f / BOLD.format(2), array(nib.load(f / BOLD.format(2)))[..., 0]), {}, "is not a 4D series",
    ),
    "a run on another grid": (lambda f: other_grid(f / BOLD.format(2)), {"motion_limit": None}, "header"),
    "a brain mask on another grid": (lambda f: other_grid(f / BRAIN.format(2)), {}, "are on different grids"),
    "an empty brain mask": (lambda f: save_like(f / BRAIN.format(2), np.zeros(MNI_SHAPE, np.uint8)), {}, "brain_mask.nii.gz has no voxel"),
    "brain masks apart": (lambda f: save_like(f / BRAIN.format(2), (array(nib.load(f / BRAIN.format(1))) == 0) * 1.0), {}, "share no voxel"),
    "no mask of that name": (None, {"mask": "aparc:hippocampus"}, "is no image, and no atlas that nilearn downloads"),
    "no such file": (None, {"mask": "vt.nii.gz"}, "vt.nii.gz is not there"),
    "no such label": (None, {"mask": MASK + ":hippocampus"}, "has no label 'hippocampus'; there are left auditory, right auditory"),
    "a mask elsewhere": (lambda f: other_grid(f / MASK), {}, "has no voxel in"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_dataset_gets_one_sentence(dataset, monkeypatch, case):
    spoil, asked, words = BAD[case]
    monkeypatch.chdir(dataset)
    if spoil:
        spoil(dataset)
    if case == "a run on another grid":  # save_like has lost the repetition time, which is not what is asked here
        img = nib.load(dataset / BOLD.format(2))
        img = nib.Nifti1Image(array(img), img.affine)
        img.header.set_zooms((3, 3, 3, 2.0))
        nib.save(img, dataset / BOLD.format(2))
        words = "are on different grids: the affines differ"
    with pytest.raises((ValueError, OSError)) as raised:
        loaded(dataset, **asked)
    assert words in str(raised.value) and "\n" not in str(raised.value), raised.value


ODD = {
    "a negative onset": (lambda f: with_value("onset", 0, "-4")(f / EVENTS.format(1)), "run-1: 1 of 6 events begin before the first volume"),
    "long before": (lambda f: with_value("onset", 0, "-60")(f / EVENTS.format(1)), "begin more than 24 s before the first volume and are passed over"),
    "after the end": (lambda f: with_value("onset", 5, "400")(f / EVENTS.format(1)), "run-1: 1 of 6 events begin after the last volume"),
    "overlapping events": (lambda f: with_value("onset", 1, "20")(f / EVENTS.format(1)), "begin before the one before is over; the model adds"),
    "no events in a run": (lambda f: (f / EVENTS.format(1)).unlink(), "run-1 has no events file (*_events.tsv), so it counts for nothing"),
    "an empty table": (lambda f: rewrite(f / EVENTS.format(1), lambda t: t.splitlines()[0] + "\n"), "run-1 has no events in sub-01_task-sounds_run-1"),
    "events without a name": (lambda f: with_value("trial_type", 1, "n/a")(f / EVENTS.format(1)), "1 events without a trial_type are passed over"),
    "no brain mask": (lambda f: (f / BRAIN.format(1)).unlink(), "run-1 has no brain mask"),
    "no repetition time in the sidecars": (
        lambda f: [rewrite(path, lambda t: t.replace("RepetitionTime", "TR")) for path in f.rglob("*bold.json")],
        "run-1: no sidecar says the repetition time; the header says 2 s.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_what_is_odd_but_can_be_used_is_noted(dataset, case):
    spoil, words = ODD[case]
    spoil(dataset)
    subject = loaded(dataset)
    assert any(words in note for note in subject.notes), subject.notes
    weights, left_out = weights_of_models(subject.models, CONTRAST, [run.kept for run in subject.recordings])
    assert left_out == ([0] if "events in a run" in case or case == "an empty table" else [])
    assert np.isfinite(weights).all()


def test_a_run_without_a_condition_is_left_out(dataset):
    rewrite(dataset / EVENTS.format(2), lambda text: text.replace("music", "noise"))
    subject = loaded(dataset)
    kept = [run.kept for run in subject.recordings]
    weights, left_out = weights_of_models(subject.models, CONTRAST, kept)
    assert left_out == [1] and not weights[84:164].any()
    with pytest.raises(ValueError, match="No run has the condition 'song'; there are: music, noise, speech"):
        weights_of_models(subject.models, ("song", "music"), kept)
    rewrite(dataset / EVENTS.format(1), lambda text: text.replace("music", "noise"))
    with pytest.raises(ValueError, match="here are 1 of 3"):
        weights_of_models(loaded(dataset).models, CONTRAST, kept)
    nothing = [np.zeros(len(here), bool) for here in kept]
    with pytest.raises(ValueError, match="here are 0 of 3"):
        weights_of_models(subject.models, CONTRAST, nothing)


def test_conditions_need_not_be_one_word(dataset):
    for run in (1, 2, 3):
        rewrite(dataset / EVENTS.format(run), lambda text: text.replace("music", "loud - music!").replace("speech", "constant"))
    subject = loaded(dataset)
    weights, left_out = weights_of_models(subject.models, ("constant", "loud - music!"), [run.kept for run in subject.recordings])
    plain = weights_of_models(loaded(dataset, sub="02").models, CONTRAST, [run.kept for run in loaded(dataset, sub="02").recordings])[0]
    assert not left_out and np.abs(weights).sum() > 0 and len(plain)


def test_brief_events_are_modelled(dataset):
    """The labels of volumes cannot: no volume falls into them."""
    for run in (1, 2, 3):
        table(dataset / EVENTS.format(run), lambda rows: rows.assign(duration="0.2"))
    subject = loaded(dataset)
    assert not weights_of_models(subject.models, CONTRAST, [run.kept for run in subject.recordings])[1]


def test_inherited_names_no_other_recordings_file(tmp_path):
    folder = tmp_path / "sub-1/func"
    folder.mkdir(parents=True)
    for name in ("events.tsv", "task-a_events.tsv", "task-b_events.tsv", "sub-1/sub-1_events.tsv", "sub-1/func/sub-1_task-a_run-2_events.tsv"):
        (tmp_path / name).write_text("")
    found = bids_files.inherited(folder, tmp_path, {"sub": "1", "task": "a", "run": "1"}, "events.tsv")
    assert [path.name for path in found] == ["events.tsv", "task-a_events.tsv", "sub-1_events.tsv"]



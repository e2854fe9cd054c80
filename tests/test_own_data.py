"""From events to labels: every volume where it belongs, every fault in one sentence, nothing overwritten."""

import os

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import array

import roilessons as rl
from roilessons.batch.extract import extract
from roilessons.datasets import listening
from roilessons.datasets.events import DELAY
from roilessons.subject import read_labels


def events(*trials):
    return pd.DataFrame(trials, columns=["onset", "duration", "trial_type"])


def conditions(table, n_volumes=10, t_r=2.0, **more):
    return rl.labels_from_events(table, n_volumes, t_r, **more)["labels"].tolist()


# ---- from events to volumes ----


def test_a_volume_belongs_to_the_trial_that_was_on_a_delay_before():
    labels = rl.labels_from_events(events((2, 4, "face"), (8, 2, "house")), 10, 2.0, delay=4, run=3)
    assert labels["labels"].tolist() == ["rest"] * 3 + ["face"] * 2 + ["rest"] + ["house"] + ["rest"] * 3
    assert labels["chunks"].tolist() == [3] * 10


def test_the_onset_is_in_and_the_end_is_out():
    assert conditions(events((4, 4, "face")), delay=0) == ["rest"] * 2 + ["face"] * 2 + ["rest"] * 6
    assert conditions(events((4.1, 4, "face")), delay=0) == ["rest"] * 3 + ["face"] * 2 + ["rest"] * 5


def test_default_delay_is_five_seconds():
    assert conditions(events((0, 4, "face"))) == conditions(events((0, 4, "face")), delay=5.0)
    assert conditions(events((0, 4, "face"))).index("face") == 3


@pytest.mark.parametrize("t_r", [0.1, 0.3, 0.7, 1.1, 2.5])
def test_rounding_moves_no_volume(t_r):
    """Onsets that are multiples of t_r on paper, and a little off in binary."""
    table = events(*((round(start * t_r, 3), round(5 * t_r, 3), f"c{start}") for start in range(3, 43, 10)))
    labels = conditions(table, 60, t_r, delay=round(7 * t_r, 3))
    assert [labels.index(f"c{start}") for start in range(3, 43, 10)] == [start + 7 for start in range(3, 43, 10)]
    assert all(labels.count(f"c{start}") == 5 for start in range(3, 43, 10))


def test_a_sum_that_is_off_in_binary_moves_no_volume():
    assert 0.1 + 0.2 > 0.3
    assert conditions(events((0.1, 0.1, "face")), 6, 0.1, delay=0.2).index("face") == 3


def test_agrees_with_the_rule_volume_by_volume():
    rng = np.random.default_rng(0)
    for _ in range(50):
        edges = np.sort(rng.uniform(0, 60, 8))
        table = events(*((edges[i], edges[i + 1] - edges[i], "ab"[i // 2 % 2]) for i in range(0, 8, 2)))
        delay = rng.uniform(0, 8)
        expected = ["rest"] * 100
        for v in range(100):
            for onset, duration, condition in table.itertuples(index=False):
                if onset + delay <= v * 0.8 < onset + duration + delay:
                    expected[v] = condition
        if set(table["trial_type"]) <= set(expected):
            assert conditions(table.sample(frac=1, random_state=1), 100, 0.8, delay=delay) == expected


def test_touching_trials_other_columns_and_trials_beyond_the_end():
    table = events((0, 4, "a"), (4, 4, "b"), (300, 4, "a")).assign(response_time=0.4)
    assert conditions(table, 5, delay=0) == ["a", "a", "b", "b", "rest"]


def test_a_file_with_any_line_ends(tmp_path):
    path = tmp_path / "events.tsv"
    path.write_bytes(b"\xef\xbb\xbfonset\tduration\ttrial_type\tvalue\r\n4\t4\tface\tn/a\r\n")
    assert conditions(path, delay=0) == ["rest"] * 2 + ["face"] * 2 + ["rest"] * 6


GOOD = ((2, 4, "face"), (8, 4, "house"))
FAULTS = {
    "no trial_type": (lambda t: t.rename(columns={"trial_type": "type"}), "no column trial_type; its columns are: onset"),
    "no table": (lambda t: [1, 2], "no column onset and no duration and no trial_type"),
    "empty": (lambda t: t.iloc[:0], "has no events"),
    "text onset": (lambda t: t.assign(onset=["2", "soon"]), "event 2: the onset must be seconds, not soon"),
    "no onset": (lambda t: t.assign(onset=[np.nan, 8]), "event 1: the onset must be seconds"),
    "endless": (lambda t: t.assign(duration=[4, np.inf]), "event 2: the duration must be seconds"),
    "negative duration": (lambda t: t.assign(duration=[4, -2]), "event 2: the duration must be seconds, 0 or more, not -2"),
    "no name": (lambda t: t.assign(trial_type=["face", None]), "event 2: the trial_type must be one word"),
    "two words": (lambda t: t.assign(trial_type=["happy face", "b"]), "event 1: the trial_type must be one word .* 'happy face'"),
    "overlap": (lambda t: t.assign(duration=[7, 4]), "the trial at 8 s starts before the one before it is over .at 9 s"),
    "a long one": (lambda t: events((0, 15, "a"), (1, 1, "b"), (8, 2, "c")), "the trial at 1 s starts before"),
    "milliseconds": (lambda t: t.assign(onset=t["onset"] * 1000), "no event lies within the series, which lasts from 0 to 20 s"),
    "all between volumes": (lambda t: t.assign(onset=t["onset"] + 0.5, duration=0.1), "no volume falls into a trial of 'face'"),
    "commas": (lambda t: pd.DataFrame({"onset,duration,trial_type": ["2,4,face"]}), "type .are there tabs between them?"),
    "between volumes": (lambda t: t.assign(duration=[4, 0]), "no volume falls into a trial of 'house'"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("as_file", [False, True])
def test_bad_events_are_refused_in_one_sentence(tmp_path, fault, as_file):
    spoil, words = FAULTS[fault]
    table = spoil(events(*GOOD))
    if as_file and isinstance(table, pd.DataFrame):
        path = tmp_path / "sub-1_events.tsv"
        table.to_csv(path, sep="\t", index=False, na_rep="n/a")
        table = path
    with pytest.raises(ValueError, match=words) as caught:
        rl.labels_from_events(table, 10, 2.0, delay=0)
    assert "\n" not in str(caught.value)
    assert not as_file or isinstance(table, list) or str(path) in str(caught.value)


def written(tmp_path, text):
    path = tmp_path / "events.tsv"
    path.write_text("onset\tduration\ttrial_type\tresponse\n" + text, newline="")
    return path


def test_names_are_read_as_they_stand_there(tmp_path):
    """What pandas would take for numbers, or for nothing, are names of conditions in an events file."""
    names = ["01", "1", "1.0", "2", "null", "None", "NA", "nan", "True"]
    path = written(tmp_path, "".join(f"{2 * n}\t2\t{name}\tn/a\n" for n, name in enumerate(names)))
    assert conditions(path, len(names), delay=0) == names


def test_quotation_marks_in_pairs_are_none(tmp_path):
    assert conditions(written(tmp_path, '2\t4\t"face"\t"left hand"\r\n'), delay=0) == ["rest"] + ["face"] * 2 + ["rest"] * 7


def test_an_event_may_begin_before_the_first_volume():
    """Seen 5 s later: from 2 up to 6 s, and from 9 up to 13 s."""
    labels = conditions(events((-3, 4, "a"), (4, 4, "b")))
    assert labels == ["rest", "a", "a", "rest", "rest", "b", "b", "rest", "rest", "rest"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('2\t2\tface\t"left\n4\t2\thouse\tright"\n6\t2\tface\tright\n', "event 1: a value goes over the end of its line"),
        ('2\t2\tface\t"left\n4\t2\thouse\tright\n', "a quotation mark without its partner"),
        ('2\t2\t"fa"ce\tleft\n', "in the middle of a value"),
        ("2\t2\tn/a\tleft\n", "event 1: the trial_type must be one word"),
        ("2\t2\t\tleft\n", "event 1: the trial_type must be one word"),
        ("\t2\tface\tleft\n", "event 1: the onset must be seconds, not empty"),
        ("n/a\t2\tface\tleft\n", "event 1: the onset must be seconds, not n/a"),
        ("2,5\t2\tface\tleft\n", "event 1: the onset must be seconds, not 2,5"),
        ("2\t2\tface\tleft\tright\n", "event 1: there are 5 values, but 4 columns"),
    ],
)
def test_rows_are_never_lost_silently(tmp_path, text, words):
    with pytest.raises(ValueError, match=words) as caught:
        conditions(written(tmp_path, text))
    assert "events.tsv" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_text_in_utf_16_is_said_to_be(tmp_path, encoding):
    for name, read in (("labels.txt", read_labels), ("events.tsv", conditions)):
        (tmp_path / name).write_bytes("labels chunks\nface 0\n".encode(encoding))
        with pytest.raises(ValueError, match=f"{name} is text in UTF-16; save it as UTF-8"):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"t_r": 0}, "t_r, in seconds, must be a number above 0, not 0"),
        ({"t_r": -2.0}, "above 0"),
        ({"t_r": float("nan")}, "above 0"),
        ({"t_r": "2"}, "above 0"),
        ({"n_volumes": 0}, "n_volumes must be a whole number, 1 or more"),
        ({"n_volumes": 10.0}, "whole"),
        ({"n_volumes": True}, "whole"),
        ({"delay": float("inf")}, "delay, in seconds, must be a number"),
        ({"delay": None}, "delay"),
        ({"run": -1}, "run must be a whole number, 0 or more"),
    ],
)
def test_bad_numbers_are_refused(numbers, words):
    with pytest.raises(ValueError, match=words):
        rl.labels_from_events(events(*GOOD), **({"n_volumes": 10, "t_r": 2.0} | numbers))


@pytest.mark.parametrize("content", [b"", b"\x89PNG\x00\xff\xfe\x80", b"onset\tduration\n1\t2\t3\t4\n1\n1\t2\t3\t4\t5\t6\n"])
def test_a_file_that_is_no_table(tmp_path, content):
    path = tmp_path / "events.tsv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="events.tsv(, event 1: there are 4 values| is not a text| cannot be read)") as caught:
        rl.labels_from_events(path, 10, 2.0)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="events.tsv is not there"):
        rl.labels_from_events(tmp_path / "events.tsv", 10, 2.0)


# ---- labels.txt ----


def labels():
    return rl.labels_from_events(events(*GOOD), 10, 2.0, delay=0)


@pytest.mark.parametrize("links", [True, False])
def test_what_is_written_is_what_the_course_reads(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError("no hard links here")))
    path = rl.write_labels(labels(), tmp_path / "labels.txt")
    pd.testing.assert_frame_equal(read_labels(path), labels())
    assert [file.name for file in tmp_path.iterdir()] == ["labels.txt"]
    with pytest.raises(FileExistsError, match="labels.txt is there already and is kept"):
        rl.write_labels(labels().assign(labels="face"), path)
    pd.testing.assert_frame_equal(read_labels(path), labels())
    assert [file.name for file in tmp_path.iterdir()] == ["labels.txt"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: t.drop(columns="chunks"), "columns labels and chunks"),
        (lambda t: t.iloc[:0], "one row per volume"),
        (lambda t: t.assign(labels="happy face"), "Volume 1: the condition must be one word"),
        (lambda t: t.assign(labels=""), "Volume 1: the condition must be one word"),
        (lambda t: t.assign(chunks=0.5), "whole number"),
        (lambda t: t.assign(chunks=-1), "0 or more"),
    ],
)
def test_labels_that_could_not_be_read_back_are_not_written(tmp_path, spoil, words):
    with pytest.raises(ValueError, match=words):
        rl.write_labels(spoil(labels()), tmp_path / "labels.txt")
    assert not list(tmp_path.iterdir())


def test_a_labels_file_in_the_home_folder_or_in_none(tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    assert rl.write_labels(labels(), "~/labels.txt") == tmp_path / "labels.txt"
    with pytest.raises(FileNotFoundError, match="nowhere is no folder; make it first"):
        rl.write_labels(labels(), tmp_path / "nowhere/labels.txt")


# ---- a study of one's own, from events to ROIs ----


def in_scan(condition):
    """Where a condition's area lies in the scan, mm; the coordinates are MNI's."""
    return nib.affines.apply_affine(listening.MNI_TO_SCAN, listening.AREAS[condition])


def study_labels(folder, delay=DELAY):
    runs = [
        rl.labels_from_events(folder / f"run-{n + 1}_events.tsv", listening.VOLUMES, listening.T_R, delay, run=n)
        for n in range(listening.RUNS)
    ]
    return pd.concat(runs, ignore_index=True)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The example, to be read."""
    return rl.example_study(tmp_path_factory.mktemp("study"))


def test_the_example_is_always_the_same_and_its_areas_are_found(study, tmp_path):
    own = rl.example_study(tmp_path / "own")
    for file in study.iterdir():
        assert file.read_bytes() == (own / file.name).read_bytes(), file.name
    rl.write_labels(study_labels(own), own / "labels.txt")
    nib.save(nib.Nifti1Image(np.ones(listening.SHAPE, np.uint8), listening.AFFINE), own / "mask4_vt.nii.gz")
    table = extract(own, tmp_path / "out", contrast=("speech", "music"), conditions=["noise"], dilate=0).table
    assert {*table["hemisphere"]} == {"left", "right"}
    for _, roi in table.iterrows():
        planted = in_scan("speech" if roi["sign"] > 0 else "music")
        assert np.linalg.norm(np.subtract([roi["peak_x"], roi["peak_y"], roi["peak_z"]], planted)) <= listening.RADIUS


def test_the_areas_of_the_example_lie_in_auditory_cortex(study):
    """In MNI space; in the scan, which is in the scanner's space, they lie in the brain and elsewhere."""
    mean = array(nib.load(study / "bold.nii.gz")).mean(axis=-1)
    np.testing.assert_array_equal(np.loadtxt(study / "mni_to_scan.txt"), listening.MNI_TO_SCAN)
    for condition, centre in listening.AREAS.items():
        assert abs(abs(centre[0]) - 55) < 5 and abs(centre[1] + 20) < 5 and abs(centre[2] - 5) < 5
        place = in_scan(condition)
        assert np.linalg.norm(place - centre) > listening.RADIUS
        voxel = np.round(nib.affines.apply_affine(np.linalg.inv(listening.AFFINE), place)).astype(int)
        assert mean[tuple(voxel)] > 0.5 * np.percentile(mean, 98)


def test_the_example_moves_once_and_its_confounds_and_its_series_say_when(study):
    tables = [pd.read_csv(study / f"run-{n + 1}_confounds.tsv", sep="\t") for n in range(listening.RUNS)]
    run, volumes = listening.MOVED
    for n, table in enumerate(tables):
        moved = np.flatnonzero(table["framewise_displacement"] > 0.5).tolist()
        assert moved == (list(volumes) if n == run else [])
        motion = table.iloc[:, :6].to_numpy()
        expected = np.abs(np.diff(motion, axis=0)) @ [1, 1, 1, 50, 50, 50]  # Power and others, 2012
        np.testing.assert_allclose(table["framewise_displacement"].to_numpy()[1:], expected, atol=0.02)
    series = array(nib.load(study / "bold.nii.gz")).reshape(-1, listening.RUNS, listening.VOLUMES)
    change = np.sqrt(np.square(np.diff(series, axis=-1)).mean(axis=0))
    largest = np.unravel_index(np.argsort(change, axis=None)[-2:], change.shape)
    assert set(largest[0]) == {run} and set(largest[1] + 1) == {volumes[0], volumes[-1] + 1}


@pytest.mark.parametrize("mine", ["bold.nii.gz", "run-1_events.tsv"])
def test_the_example_is_never_written_over_files_of_ones_own(tmp_path, mine):
    (tmp_path / mine).write_text("mine")
    with pytest.raises(FileExistsError, match=f"{mine} is there already and is kept; name another folder"):
        rl.example_study(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [mine] and (tmp_path / mine).read_text() == "mine"


def test_the_example_made_twice_is_there_once(study):
    """A cell that is run again: the same files are no fault."""
    before = {path: path.stat().st_mtime_ns for path in study.iterdir()}
    rl.example_study(study)
    assert {path: path.stat().st_mtime_ns for path in study.iterdir()} == before


def test_without_the_delay_less_is_found(study):
    found = {}
    for delay in (0, 5):
        test = rl.t_test(study / "bold.nii.gz", study_labels(study, delay)["labels"], ("speech", "music"))
        found[delay] = array(rl.threshold(test.log_p_img)).sum()
    assert found[5] > found[0] > 0


def test_events_made_of_the_real_labels_give_its_rois(real_slice, tmp_path):
    """The real series by way of an events table a run: the same labels, and so the slice's known numbers."""
    real = rl.load_subject(real_slice)
    made = []
    for run, rows in real.labels.groupby("chunks"):
        block = (rows["labels"] != rows["labels"].shift()).cumsum()
        trials = [(g.index[0] - rows.index[0], len(g), g["labels"].iloc[0]) for _, g in rows.groupby(block)]
        table = events(*((v * real.t_r, n * real.t_r, condition) for v, n, condition in trials if condition != "rest"))
        made.append(rl.labels_from_events(table, len(rows), real.t_r, delay=0, run=run))
    made = pd.concat(made, ignore_index=True)
    pd.testing.assert_frame_equal(made, real.labels)
    for name in (real.func.name, real.mask_vt.name):
        (tmp_path / name).symlink_to(real_slice / name)
    rl.write_labels(made, tmp_path / "labels.txt")
    summary = extract(tmp_path, tmp_path / "out", test="volumes").summary
    assert [summary[f"voxels_{n}"] for n in ("above_threshold", "in_mask", "dilated")] == [91, 91, 182]
    assert summary["roi_sizes"] == [64, 54, 42, 14, 8]

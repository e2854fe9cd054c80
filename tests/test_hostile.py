"""What a hostile neighbour leaves in folders, files and names: pipes, links, folders where files belong, odd text."""

import os
import threading

import pandas as pd
import pytest
from waiting import PATIENCE

from roilessons.app import cli, lab
from roilessons.datasets import cache, events, simulate
from roilessons.files import read_text
from roilessons.subject import load_subject, read_labels

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes and links as on Linux and macOS")


def in_time(function, *arguments, **options):
    """What a function returns or raises; fails where it waits for what nobody writes into a pipe."""
    got = []

    def call():
        try:
            got.append(function(*arguments, **options))
        except Exception as error:
            got.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert got, "it waits for ever"
    return got[0]


# --- a subject's folder ---------------------------------------------------------------


def test_a_pipe_or_a_folder_above_a_subject_is_no_brain_mask(small_folder):
    above = small_folder.parent / "mask.nii.gz"
    os.mkfifo(above)
    assert in_time(load_subject, small_folder).mask is None
    above.unlink()
    above.mkdir()
    assert load_subject(small_folder).mask is None


def test_a_pipe_or_a_folder_is_no_text(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        said = in_time(read_text, tmp_path / name)
        assert isinstance(said, ValueError) and str(said) == f"{tmp_path / name} is no file."


@pytest.mark.parametrize("name", ["\x1b[31mface", "face\x07", "fa\u200bce", "fa\u202ece", "fa\0ce"])
def test_a_condition_is_a_word_that_can_be_seen(tmp_path, name):
    path = tmp_path / "labels.txt"
    path.write_text(f"labels chunks\n{name} 0\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 2: a condition has signs that cannot be seen"):
        read_labels(path, None)
    table = pd.DataFrame({"onset": [0], "duration": [20], "trial_type": [name]})
    with pytest.raises(ValueError, match="event 1: the trial_type must be one word"):
        events.labels_from_events(table, 20, 2)


# --- extract --------------------------------------------------------------------------


@pytest.mark.parametrize("out", ["dangling", "loop", "loop/x", "file/x", "y" * 300, "closed/x"])
def test_a_folder_that_cannot_be_made_is_told_before_the_work(tmp_path, monkeypatch, capsys, out):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("roilessons.batch.extract.load_subject", lambda *_, **__: pytest.fail("it began to work"))
    os.symlink("nowhere/at/all", "dangling")
    os.symlink("loop", "loop")
    (tmp_path / "file").write_text("")
    if out.startswith("closed"):
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert cli.main(["extract", "x", "--out", out]) == 1
    said = capsys.readouterr().err
    assert out in said and "[Errno" not in said and said.count("\n") == 1


def test_the_systems_own_errors_are_sentences(small_folder, tmp_path, capsys):
    assert cli.main(["extract", "x" * 5000, "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert "[Errno" not in said and said.endswith("cannot be used (File name too long).\n")


# --- events ---------------------------------------------------------------------------


@pytest.mark.parametrize("onset", ["1e308", "-1e308", 10**400, True, 1 + 2j, pd.Timedelta(1, "s"), [1]])
@pytest.mark.filterwarnings("error")
def test_an_onset_is_a_number_of_seconds(onset):
    table = pd.DataFrame({"onset": [onset, 0], "duration": [1e308 if onset == "-1e308" else 5, 5], "trial_type": ["a", "b"]}, dtype=object)
    with pytest.raises(ValueError, match="event 1: the onset must be seconds"):
        events.labels_from_events(table, 100, 2.5)


def test_a_value_without_end_is_not_blamed_on_a_quotation_mark(tmp_path):
    path = tmp_path / "events.tsv"
    path.write_text("onset\tduration\ttrial_type\n0\t5\t" + "a" * 140_000 + "\n")
    with pytest.raises(ValueError, match="a value is longer than") as caught:
        events.read_events(path)
    assert "quotation" not in str(caught.value)


# --- the shared folder ----------------------------------------------------------------


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """The folder of simulated subjects in a place that others write to; a subject is four small files."""

    def make_subject(number, folder, progress, effects=True):
        folder.mkdir(parents=True)
        for name in cache.FILES:
            (folder / name).write_bytes(b"x")
        (folder.parent / cache.MASK).write_bytes(b"m")
        return folder

    monkeypatch.setattr(simulate, "make_subject", make_subject)
    monkeypatch.setenv("NILEARN_DATA", str(tmp_path / "shared"))
    monkeypatch.delenv("NILEARN_SHARED_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "victim").write_text("precious")
    yield (home := tmp_path / "shared" / cache.SIMULATED)
    assert (tmp_path / "victim").read_text() == "precious" and home.parent.exists()


def test_checksums_that_are_a_pipe_are_damaged(shared):
    (shared / "subj1").mkdir(parents=True)
    os.mkfifo(shared / "subj1" / cache.CHECKSUMS)
    assert in_time(cache.simulated_folder, progress=False) == shared / "subj1"
    assert (shared / "subj1" / cache.CHECKSUMS).is_file()


def test_checksums_vouch_for_every_file_and_for_nothing_elsewhere(shared, monkeypatch):
    made = cache.simulated_folder(progress=False)
    lines = (made / cache.CHECKSUMS).read_text().splitlines()
    read = []
    whole = cache.crc32
    monkeypatch.setattr(cache, "crc32", lambda path: read.append(os.fspath(path)) or whole(path))
    victim = f"{whole(shared.parents[1] / 'victim'):08x} 8 "
    for spoilt in (
        [line for line in lines if not line.endswith("bold.nii.gz")],
        [line for line in lines if not line.endswith(cache.MASK)],
        [f"{victim}../../../victim", *lines],
        [f"{victim}{shared.parents[1] / 'victim'}", *lines],
    ):
        (made / cache.CHECKSUMS).write_text("\n".join(spoilt) + "\n")
        assert cache.damage(made), spoilt
    assert not [path for path in read if "victim" in path]


@pytest.mark.parametrize("name", [".subj1.lock", cache.MASK])
@pytest.mark.parametrize("kind", ["folder", "link", "dangling link"])
def test_what_is_in_the_way_sends_to_the_next_place(shared, tmp_path, name, kind):
    shared.mkdir(parents=True)
    if kind == "folder":
        (shared / name / "full").mkdir(parents=True)
    else:
        os.symlink(tmp_path / ("victim" if kind == "link" else "nowhere"), shared / name)
    found = cache.simulated_folder(progress=False)
    assert not cache.damage(found) and not (tmp_path / "nowhere").exists()
    if name != cache.MASK or kind == "folder":
        assert found == tmp_path / "home/nilearn_data" / cache.SIMULATED / "subj1"


# --- a lessons folder -----------------------------------------------------------------


@pytest.fixture
def wheel(tmp_path):
    """Lessons as in a wheel, and an empty folder to copy them to."""
    (tmp_path / "wheel/images").mkdir(parents=True)
    (tmp_path / "wheel" / lab.FIRST_LESSON).write_text("lesson")
    (tmp_path / "wheel/images/steps.png").write_text("picture")
    (tmp_path / "mine").mkdir()
    return tmp_path / "wheel", tmp_path / "mine"


@pytest.mark.parametrize("record", [b"junk\n", b"\xff\xfe\0", b""])
def test_a_record_that_is_none_is_written_anew(wheel, record):
    source, folder = wheel
    (folder / lab.RECORD).write_bytes(record)
    assert lab.copy_lessons(source, folder) == []
    assert len(lab.read_record(folder / lab.RECORD)) == 2


def test_lessons_are_not_copied_through_a_link(wheel, tmp_path):
    source, folder = wheel
    (tmp_path / "victim").mkdir()
    (folder / "images").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="images"):
        lab.copy_lessons(source, folder)
    assert not list((tmp_path / "victim").iterdir())

"""Files get their name whole or not at all, never over another, and what killed processes left is swept."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from conftest import ROOT

from roilessons.files import draft_folder, is_published, new_folder, publish


def no_links(*_):
    raise OSError("no hard links here")


@pytest.fixture(params=["hard links", "no hard links"])
def any_disk(request, monkeypatch):
    if request.param == "no hard links":
        monkeypatch.setattr(os, "link", no_links)


@pytest.mark.parametrize("there", ["a file", "a dangling link", "a folder"])
def test_what_is_there_is_kept(tmp_path, any_disk, there):
    path = tmp_path / "atlas.nii"
    if there == "a file":
        path.write_text("mine")
    elif there == "a folder":
        path.mkdir()
        (path / "inside").write_text("mine")
    else:
        path.symlink_to(tmp_path / "nowhere")
    with draft_folder(tmp_path) as folder:
        (folder / "file").write_text("new")
        (folder / "folder").mkdir()
        for draft in (folder / "file", folder / "folder"):
            with pytest.raises(FileExistsError, match="atlas.nii is there already and is kept"):
                publish(draft, path)
            assert not is_published(draft, path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["atlas.nii"]
    if there == "a file":
        assert path.read_text() == "mine"
    elif there == "a folder":
        assert (path / "inside").read_text() == "mine"
    else:
        assert path.is_symlink() and not (tmp_path / "nowhere").exists()


def test_of_many_at_once_exactly_one_gets_the_name(tmp_path, any_disk):
    for number in range(50):
        path, won, gate = tmp_path / f"{number}.txt", [], threading.Barrier(4)

        def one(me, path=path, won=won, gate=gate):
            with draft_folder(tmp_path) as folder:
                (folder / "draft").write_text(me * 1000)
                gate.wait()
                try:
                    publish(folder / "draft", path)
                    won.append(me)
                except FileExistsError:
                    pass

        threads = [threading.Thread(target=one, args=[me]) for me in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1 and path.read_text() == won[0] * 1000
    assert len(list(tmp_path.iterdir())) == 50


def test_a_folder_is_published_whole(tmp_path):
    with draft_folder(tmp_path) as folder:
        (folder / "subj1").mkdir()
        (folder / "subj1/bold").write_text("whole")
        publish(folder / "subj1", tmp_path / "subj1")
        assert is_published(folder / "subj1", tmp_path / "subj1")
    assert (tmp_path / "subj1/bold").read_text() == "whole"


def test_a_new_folder_is_whole_or_not_there_and_never_over_another(tmp_path):
    with pytest.raises(RuntimeError), new_folder(tmp_path / "above/out") as folder:
        (folder / "half").touch()
        raise RuntimeError
    assert not [*(tmp_path / "above").iterdir()]
    (tmp_path / "above/out").mkdir()  # an empty one will do
    with new_folder(tmp_path / "above/out") as folder:
        (folder / "whole").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for path in (tmp_path / "above/out", tmp_path / "above/out/whole", tmp_path / "link"):
        with pytest.raises(FileExistsError, match="is there already and is kept"), new_folder(path):
            pytest.fail("it is refused before the work")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["above", "link", "out", "whole"]


HOLD = """
import sys
from roilessons.files import draft_folder
with draft_folder(sys.argv[1]) as draft:
    (draft / "half").write_text("half")
    print(draft, flush=True)
    sys.stdin.read()
"""


def test_drafts_of_killed_processes_go_and_those_of_running_ones_stay(tmp_path):
    """Also what is no draft of ours: a folder that happens to be named so, and a link."""
    elsewhere = tmp_path / "elsewhere"
    for folder in (tmp_path / ".draft-of-my-thesis", elsewhere):
        folder.mkdir()
        (folder / "chapter").write_text("mine")
    (elsewhere / ".lock").write_text("")
    (tmp_path / ".draft-link").symlink_to(elsewhere)
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": os.environ | {"PYTHONPATH": str(ROOT)}}
    running, killed = (subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], **options) for _ in range(2))
    try:
        kept, left_over = (process.stdout.readline().strip() for process in (running, killed))
        killed.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
        killed.wait()
        assert os.path.exists(left_over + "/half")
        with draft_folder(tmp_path):
            pass
        assert not os.path.exists(left_over)
        assert os.path.exists(kept + "/half")
        assert (tmp_path / ".draft-of-my-thesis/chapter").exists() and (tmp_path / ".draft-link/chapter").exists()
        running.communicate("")
        assert not os.path.exists(kept)
    finally:
        for process in (running, killed):
            process.kill()
            process.communicate()

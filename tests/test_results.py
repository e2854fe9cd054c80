"""The file of a learner's results, and the table of a class: written when asked for, read as data from anybody's hands."""

import json
import os

import numpy as np
import pytest

from roilessons import check
from roilessons.app import cli
from roilessons.app.results import harmless, read_class, table
from roilessons.check import results

CHECKS = check.all_checks()
CHOICES = [exercise for exercise in CHECKS.values() if exercise.task == "choose" and exercise.place == "lesson_09"]
FIRST = CHOICES[0]
WRONG, SENTENCE = FIRST.mistakes()[1]
RIGHT = FIRST.reveal()[0]


@pytest.fixture(autouse=True)
def clean():
    """Nobody has tried anything."""
    for exercise in CHECKS.values():
        exercise.tries.clear()
    results._saved.clear()


def content(path):
    return json.loads(path.read_text(encoding="utf-8"))["exercises"]


def test_tries_are_written_and_nothing_else(tmp_path, capsys):
    path = tmp_path / "mine.json"
    for answer in ("e", WRONG, RIGHT):
        FIRST(answer)
    FIRST()
    capsys.readouterr()
    check.save(path)
    assert "1 of 1 exercises that you tried are right" in " ".join(capsys.readouterr().out.split())
    expected = {FIRST.name: {"right": True, "tries": ["unreadable", "mistake 2", "right"]}}
    assert json.loads(path.read_text()) == {"kind": "roilessons results", "version": 1, "exercises": expected}
    assert [one.name for one in tmp_path.iterdir()] == ["mine.json"]


def test_nothing_is_written_unless_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    FIRST(RIGHT)
    FIRST.hint()
    assert not list(tmp_path.iterdir())
    check.save()
    assert [one.name for one in tmp_path.iterdir()] == ["my_results.json"]


def test_a_second_session_goes_on(tmp_path):
    path = tmp_path / "mine.json"
    FIRST(WRONG)
    check.save(path)
    check.save(path)  # the same try is not counted twice
    FIRST("e")
    check.save(path)
    assert content(path) == {FIRST.name: {"right": False, "tries": ["mistake 2", "unreadable"]}}
    clean_again = [exercise.tries.clear() for exercise in CHECKS.values()]
    results._saved.clear()  # a new kernel
    FIRST(RIGHT)
    check.save(path)
    assert clean_again and content(path) == {FIRST.name: {"right": True, "tries": ["mistake 2", "unreadable", "right"]}}
    path.unlink()
    check.save(path)  # whoever deletes the file gets all of this session again
    assert content(path) == {FIRST.name: {"right": True, "tries": ["right"]}}


OTHERS = {
    "notes.json": b'{"my": "notes"}',
    "half.json": b'{"kind": "roilessons results", "version": 1, "exerc',
    "empty.json": b"",
    "picture.json": b"\x89PNG\r\n",
    "list.json": b"[1, 2]",
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_that_is_not_ours_or_damaged_is_kept(tmp_path, capsys, name):
    path = tmp_path / name
    path.write_bytes(OTHERS[name])
    FIRST(RIGHT)
    capsys.readouterr()
    check.save(path)
    said = " ".join(capsys.readouterr().out.split())
    assert "is kept as it is, because it is" in said and said.endswith("give another name, such as my_results_2.json.")
    assert path.read_bytes() == OTHERS[name] and len(list(tmp_path.iterdir())) == 1


def test_a_link_and_a_folder_are_no_place_for_results(tmp_path, capsys):
    (tmp_path / "real.json").write_text("mine")
    os.symlink(tmp_path / "real.json", tmp_path / "link.json")
    (tmp_path / "folder.json").mkdir()
    for name in ("link.json", "folder.json", "no/such.json"):
        check.save(tmp_path / name)
        out = capsys.readouterr().out
        assert out.count("\n") <= 3 and ("kept" in out or "cannot be used" in out), out
    assert (tmp_path / "real.json").read_text() == "mine" and (tmp_path / "link.json").is_symlink()


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch, capsys):
    path = tmp_path / "mine.json"
    FIRST(WRONG)
    check.save(path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(os, "replace", full)
    FIRST(RIGHT)
    check.save(path)
    assert "No space left" in " ".join(capsys.readouterr().out.split()) and path.read_bytes() == before
    monkeypatch.undo()
    check.save(path)
    assert content(path)[FIRST.name]["tries"] == ["mistake 2", "right"]


def file_of(exercises, **changed):
    return json.dumps({"kind": "roilessons results", "version": 1, "exercises": exercises} | changed)


ONE = {FIRST.name: {"right": False, "tries": ["mistake 2", "mistake 2", "other"]}}
HOSTILE = {
    "too_large": "x" * 1_000_001,
    "deep": "[" * 100_000,
    "many_digits": '{"kind": ' + "9" * 5000 + "}",
    "no_number": file_of(ONE).replace('"version": 1', '"version": NaN'),
    "other_version": file_of(ONE, version=2),
    "true_version": file_of(ONE, version=True),
    "more": file_of(ONE, path="/etc/passwd"),
    "a_list": file_of([1]),
    "a_path": file_of({"../../etc/passwd": ONE[FIRST.name]}),
    "a_tag": file_of({"<script>alert(1)</script>": ONE[FIRST.name]}),
    "a_command": file_of({FIRST.name: {"right": False, "tries": ["\x1b[2J"]}}),
    "a_newline": file_of({FIRST.name: {"right": False, "tries": ["other\n"]}}),
    "no_text": file_of({FIRST.name: {"right": False, "tries": [["other"]]}}),
    "no_tries": file_of({FIRST.name: {"right": False, "tries": []}}),
    "too_many_tries": file_of({FIRST.name: {"right": False, "tries": ["other"] * 1001}}),
    "a_lie": file_of({FIRST.name: {"right": True, "tries": ["other"]}}),
    "one_as_true": file_of({FIRST.name: {"right": 1, "tries": ["right"]}}),
    "more_of_one": file_of({FIRST.name: ONE[FIRST.name] | {"run": "os.system"}}),
    "no_kind": "{}",
    "bytes": "\udcff",
}


@pytest.fixture
def handed_in(tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    (folder / "Ada.json").write_text(file_of(ONE))
    (folder / "Ben.json").write_text(file_of({FIRST.name: {"right": True, "tries": ["mistake 2", "right"]}}))
    (folder / "Cem.json").write_text(file_of({CHOICES[-1].name: {"right": True, "tries": ["right"]}}))
    (folder / "readme.txt").write_text("not looked at")
    return folder


def test_one_table_of_a_class(handed_in, tmp_path, capsys):
    out = tmp_path / "class.tsv"
    assert cli.main(["results", str(handed_in), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert f"lesson_09 {FIRST.name}: 1 of 2 right, 0 at the first try\n  2 x {SENTENCE}\n" in said
    assert [line.split(None, 1) for line in said.splitlines() if line[:3] in ("Ada", "Ben", "Cem")] == [
        ["Ada", "0 of 1"], ["Ben", "1 of 1"], ["Cem", "1 of 1"],
    ]  # fmt: skip
    rows = [line.split("\t") for line in out.read_text(encoding="utf-8").splitlines()]
    assert rows[0] == ["learner", "lesson", "exercise", "right", "n_tries", "tries"]
    assert rows[1] == ["Ada", "lesson_09", FIRST.name, "0", "3", "mistake 2, mistake 2, other"]
    assert [row[0] for row in rows[1:]] == ["Ada", "Ben", "Cem"]
    assert cli.main(["results", str(handed_in), "--out", str(out)]) == 1  # never over a file
    assert "is kept" in capsys.readouterr().err


def test_hostile_files_get_a_sentence_and_are_left_out(handed_in, capsys):
    for name, text in HOSTILE.items():
        (handed_in / f"z_{name}.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    os.mkfifo(handed_in / "pipe.json")
    os.symlink("/etc/passwd", handed_in / "passwd.json")
    (handed_in / "folder.json").mkdir()
    learners, left_out = read_class(handed_in)
    assert list(learners) == ["Ada", "Ben", "Cem"] and len(left_out) == len(HOSTILE) + 3
    assert all(" is left out: it " in one and "\x1b" not in one and one.count("\n") == 0 for one in left_out), left_out
    assert cli.main(["results", str(handed_in)]) == 0
    assert "script" not in capsys.readouterr().out


def test_names_of_files_are_harmless(handed_in, capsys):
    for name in ("\x1b[31mred", "=cmd|' !A0", "@x", "tab\tand\nline", "\u202eevil", "x" * 200, "-1", b"\xff".decode("utf-8", "surrogateescape")):
        (handed_in / f"{name}.json").write_text(file_of(ONE))
    found = read_class(handed_in)
    assert len(found.learners) == 11
    for name in found.learners:
        assert name.isprintable() and len(name) <= 41 and name[0] not in "=+-@"
    assert all(line.count("\t") == 5 for line in table(found).splitlines())
    assert cli.main(["results", str(handed_in)]) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert harmless("Zoë 山田") == "Zoë 山田"


def test_what_this_version_does_not_know_is_said(handed_in, capsys):
    unknown = {"right": False, "tries": ["mistake 99"]}
    (handed_in / "Dan.json").write_text(file_of({"a_later_exercise": unknown, FIRST.name: unknown}))
    assert cli.main(["results", str(handed_in)]) == 0
    said = capsys.readouterr().out
    assert "Dan.json: 1 exercise that this roilessons does not have." in said
    assert "1 x (another version of roilessons has this mistake)" in said


def test_a_folder_without_results_is_one_sentence(tmp_path, capsys):
    for folder in (tmp_path, tmp_path / "none"):
        assert cli.main(["results", str(folder)]) == 1
        assert capsys.readouterr().err.count("\n") == 1


def test_a_file_that_may_not_be_read_is_left_out(handed_in, monkeypatch):
    opened = os.open

    def refuse(path, *given):
        if str(path).endswith("Ada.json"):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *given)

    monkeypatch.setattr(os, "open", refuse)
    assert "Ada.json is left out: it cannot be read" in read_class(handed_in).left_out[0]


def test_random_bytes_never_end_in_an_error(tmp_path):
    rng, good = np.random.default_rng(0), bytearray(file_of(ONE).encode())
    path = tmp_path / "one.json"
    for _ in range(300):
        spoilt = bytearray(good)
        for place in rng.integers(len(good), size=rng.integers(1, 4)):
            spoilt[place] = rng.integers(256)
        path.write_bytes(spoilt)
        try:
            found = results.read(path)
        except ValueError as error:
            assert str(error).startswith("it ")
        else:
            assert all(results.NAME.fullmatch(name) for name in found)

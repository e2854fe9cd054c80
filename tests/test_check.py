"""Every exercise: its solution is right, an altered one is not, known mistakes get sentences of their own, nothing is given away."""

import importlib.util
import re
from functools import cache
from importlib import import_module, reload

import nbformat
import nibabel as nib
import numpy as np
import pandas as pd
from conftest import ROOT

from roilessons import check
from roilessons.check.judging import UNANSWERED, UNKNOWN, WIDTH, Check, array, number, recalled, the_subject

CHECKS = check.all_checks()
DECIMALS = {  # that an exercise asks for; the others with numbers are counts
    "seconds_of_houses": 1, "sigma_in_voxels": 2, "noise_at_9_mm": 2, "log_p_of_t": 2, "threshold_for_p": 2, "times_outside": 1, "best_in_vt": 1,
    "house_in_roi_2": 2, "swapped_halves": 2, "expected_false": 1, "p_over_people": 2, "bonferroni_in_vt": 2,
    "miss_of_left_coordinate": 1, "share_of_left_sphere": 2, "bottle_or_shoe": 2,
}  # fmt: skip
UNREADABLE = "This should be"


@cache
def answers():
    """From an exercise to a right answer and wrong ones, computed independently of `roilessons.check`."""
    found = {}
    for path in sorted((ROOT / "tests/answers").glob("lesson_*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found |= module.answers(*recalled())
    return found


def said(exercise, answer):
    return (CHECKS[exercise] if isinstance(exercise, str) else exercise).verdict(answer).sentence


def test_every_solution_is_right_and_no_altered_one():
    assert CHECKS and sorted(answers()) == sorted(CHECKS)
    for name, (right, _) in answers().items():
        assert said(name, right).startswith("Right. "), (name, right, said(name, right))
        if isinstance(right, str):
            altered = sorted({*"abcd"} - {right})
        elif callable(right):
            altered = [lambda masks, right=right: right(masks) + 1, lambda masks, right=right: right(masks[:5])]
        elif name == "better_decisions":
            altered = [(right[0], right[1] + 3)]
        else:
            step = 10.0 ** -DECIMALS[name] if name in DECIMALS else np.maximum(1, np.round(0.05 * np.array(right)))
            altered = [np.add(right, step), np.subtract(right, step)]
        for answer in altered:
            assert CHECKS[name].verdict(answer).right is False, (name, answer, said(name, answer))


def test_known_mistakes_get_their_own_sentences():
    """Each wrong answer, unless it is the right one on this subject; and each mistake that an exercise declares."""
    for name, (right, wrong) in answers().items():
        assert len(wrong) >= 3, name
        hints = {}  # from an answer to its sentence
        for answer in wrong:
            if not callable(answer) and np.array_equal(answer, right):
                assert said(name, answer) == said(name, right), (name, answer)
            else:
                hints[answer if callable(answer) else repr(np.asarray(answer).tolist())] = said(name, answer)
        assert all(hint.startswith("Not yet. ") and UNREADABLE not in hint for hint in hints.values()), (name, hints)
        assert len({*hints.values()}) == len(hints), (name, hints)
        if isinstance(right, (int, float, np.number)) and float(right) > 20:  # small numbers turn up in any sentence
            for text in [*hints.values(), *(hint for hint in CHECKS[name].hints if isinstance(hint, str))]:
                numbers = {float(found.replace(",", "")) for found in re.findall(r"\d[\d,]*\.?\d*", text)}
                assert float(right) not in numbers, (name, text)
        for value, sentence in CHECKS[name].mistakes():
            values = value if isinstance(value, (tuple, range)) else (value,)
            if not any(sentence in said(name, one) for one in values):  # out of reach, because on this subject it is no mistake
                assert all(said(name, one) == said(name, right) for one in values), (name, sentence)
            elif sentence not in " ".join(hints.values()):  # so nothing independent of the exercise says that it fits
                assert any(sentence in said(name, answer) for answer in wrong), (name, sentence)


def test_a_rounded_answer_is_right_if_it_has_the_decimals_that_are_asked_for():
    for name, decimals in DECIMALS.items():
        right = float(answers()[name][0])
        rounded = round(right, decimals)
        for answer in (right, rounded, np.float32(right), round(right, decimals + 2)):
            assert said(name, answer) == said(name, right), (name, answer)
        coarse = round(right, max(decimals - 1, 0))
        if coarse not in (rounded, 0):
            assert said(name, coarse).startswith("Nearly. Give it with"), (name, coarse)


@number("a number", "first", "second", otherwise="Otherwise.", decimals=2)
def one_number():
    yield 0.853, "Why."
    yield 0.8571, "A close mistake."
    yield 0.8531, "No mistake: it cannot be told from the right answer."
    yield (-0.853, 853.0), "Sign or unit."
    yield 0.000853, "A thousandth."
    yield 5.0, "One mistake."
    yield 5.0001, "Another mistake, the same number."
    yield float("nan"), "Not to be had on this subject."


@number("a whole number", "first", "second", otherwise="Otherwise.")
def one_count():
    yield 108, "Why."
    yield 108, "No mistake on this subject."
    yield 9, "One block."
    yield 17.5, "Half a volume."
    yield range(200, 300), "Too many."


@array("an array", "first", "second", otherwise="Otherwise.", cut=lambda answer: answer[..., :3])
def one_array():
    yield np.arange(6.0).reshape(2, 3), "Why."
    yield np.arange(6.0).reshape(2, 3).T, "Turned."
    yield -np.arange(6.0).reshape(2, 3), "Sign."


@number("three whole numbers", "first", "second", otherwise="Otherwise.", length=3)
def three_numbers():
    yield np.array([25.0, 20.0, 29.0]), "Why."
    yield np.array([25.2, 19.8, 28.8]), "Not rounded."


def test_how_an_answer_is_read_and_judged():
    close = "Nearly. It is close, but not equal to two decimals: compute with all digits, and round only at the end."
    two_values = "This should be {}, and it is not: it has 2 values.".format
    for exercise, given, sentence in [
        (one_number, 0.853, "Right. Why."),
        (one_number, 0.85, "Right. Why."),
        (one_number, 0.8501, "Right. Why."),
        (one_number, 0.8529, "Right. Why."),
        (one_number, 0.8531, "Right. Why."),
        (one_number, 0.9, "Nearly. Give it with two decimals."),
        (one_number, 1, "Nearly. Give it with two decimals."),
        (one_number, 0.84, close),
        (one_number, 0.8571, "Not yet. A close mistake."),
        (one_number, 0.86, "Not yet. A close mistake."),
        (one_number, 0.88, "Not yet. Otherwise."),
        (one_number, -0.85, "Not yet. Sign or unit."),
        (one_number, 853, "Not yet. Sign or unit."),
        (one_number, 0.00085, "Not yet. A thousandth."),
        (one_number, 0, "Not yet. Otherwise."),
        (one_number, 5, "Not yet. One mistake. Or: Another mistake, the same number."),
        (one_count, 108, "Right. Why."),
        (one_count, 108.0, "Right. Why."),
        (one_count, [108], "Right. Why."),
        (one_count, pd.Series([108], index=["face"]), "Right. Why."),
        (one_count, np.array([[108]]), "Right. Why."),
        (one_count, 108.2, "Nearly. This is counted: give a whole number."),
        (one_count, 109, "Not yet. Otherwise."),
        (one_count, 9, "Not yet. One block."),
        (one_count, 17.5, "Not yet. Half a volume."),
        (one_count, 250, "Not yet. Too many."),
        (one_count, (25, 20), f"Not yet. {two_values('a whole number')}"),
        (one_count, "108", "Not yet. This should be a whole number, and it is not: it is the text '108'."),
        (one_count, float("nan"), "Not yet. This should be a whole number, and it is not: it is nan."),
        (one_count, {}, "Not yet. This should be a whole number, and it is not: it is of type dict."),
        (three_numbers, (25, 20, 29), "Right. Why."),
        (three_numbers, np.array([25.2, 19.8, 28.8]), "Not yet. Not rounded."),
        (three_numbers, (25, 20), f"Not yet. {two_values('three whole numbers')}"),
        (three_numbers, [25, 20, 28], "Not yet. Otherwise."),
        (one_array, np.arange(6).reshape(2, 3), "Right. Why."),
        (one_array, nib.Nifti1Image(np.arange(6, dtype=np.int16).reshape(2, 3), np.eye(4)), "Right. Why."),
        (
            one_array,
            [nib.Nifti1Image(np.array([first, first + 3]), np.eye(4), dtype=np.int64) for first in range(3)],
            "Right. Why.",
        ),
        (one_array, [np.arange(3), pd.Series([3.0004, 4, 5])], "Right. Why."),
        (one_array, np.array([[0, 1, 2, 9], [3, 4, 5, 9]]), "Right. Why."),
        (one_array, np.array([[0, 3], [1, 4], [2, 5]]), "Not yet. Turned."),
        (one_array, -np.arange(6).reshape(2, 3), "Not yet. Sign."),
        (one_array, np.arange(6).reshape(2, 3) == 1, "Not yet. Otherwise."),
        (one_array, np.full((2, 3), np.nan), "Not yet. Otherwise."),
        (one_array, np.arange(6), "Not yet. Its shape is (3,), and (2, 3) is asked for. Otherwise."),
        (one_array, "0 1 2", "Not yet. This should be an array, and it is not: it is the text '0 1 2'."),
        (one_array, [[0, 1, 2], [3, 4]], "Not yet. This should be an array, and it is not: it is of type list."),
        *(("why_a_region", given, said("why_a_region", "b")) for given in ("B", "b.", "(b)", " b) ", ["b"], pd.Series(["b"]))),
        (
            "why_a_region",
            "e",
            "Not yet. This should be one of the letters 'a', 'b', 'c', 'd', and it is not: it is the text 'e'.",
        ),
    ]:
        assert said(exercise, given) == sentence, (given, said(exercise, given))


def test_no_answer_raises(capsys):
    odd = [object(), "", "zzz", [], {}, np.zeros((2, 2)), pd.DataFrame(), lambda: 1, True, float("nan"), 1j, -1, 10**400, b"a"]
    for name, exercise in CHECKS.items():
        exercise()
        exercise(None)
        assert capsys.readouterr().out == f"{UNANSWERED}\n" * 2, name
        assert [exercise.verdict(answer).right for answer in odd] == [False] * len(odd), name
        assert UNREADABLE in said(name, object()), name


def test_an_unreachable_subject_is_no_fault_of_the_answer(monkeypatch, capsys):
    def unreachable(*_):
        raise PermissionError("/data/subj1 may not be read.")

    exercise = reload(import_module("roilessons.check.lesson_00")).picture_volumes  # one that has not looked yet
    the_subject.cache_clear()
    monkeypatch.setattr("roilessons.load_subject", unreachable)
    exercise(864)
    assert " ".join(capsys.readouterr().out.split()) == f"{UNKNOWN}: /data/subj1 may not be read."
    assert exercise.verdict(864).right is None
    assert UNREADABLE in said(exercise, "many")


def test_hints_come_in_steps(capsys):
    for name, exercise in CHECKS.items():
        exercise.given = 0
        for _ in range(len(exercise.hints) + 1):
            exercise.hint()
        exercise.given = 0
        out = capsys.readouterr().out
        assert max(map(len, out.splitlines())) <= WIDTH, name
        hints = [" ".join(hint.split()) for hint in out.split("Hint ")[1:]]
        assert len(exercise.hints) >= 2 and len(set(hints)) == len(exercise.hints), (name, hints)
        assert "no more hints" in hints[-1] and "no more hints" not in hints[0], (name, hints)


def test_every_exercise_of_a_lesson_is_asked_then_solved_in_a_folded_cell():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        module = vars(import_module(f"roilessons.check.lesson_{path.stem[:2]}"))
        own = {name for name, exercise in module.items() if isinstance(exercise, Check)}
        met = {"asked": set(), "solved": set()}
        for cell in nbformat.read(path, as_version=4).cells:
            names = set(re.findall(r"check\.(\w+)(?:\.solution)?\(", cell.source)) if cell.cell_type == "code" else ()
            if not names:
                continue
            said = "".join(output.get("text", "") for output in cell.outputs)
            if cell.metadata.get("jupyter", {}).get("source_hidden"):  # its first line is seen, and its output
                met["solved"] |= names
                assert cell.source.startswith("# A solution") and not said, names
                shown = [output.data["text/html"] for output in cell.outputs if "data" in output]
                assert len(shown) == 1 and re.fullmatch("<details><summary>[^<]*</summary>Right[.] .*</details>", shown[0]), (
                    names
                )
            else:
                met["asked"] |= names
                assert UNANSWERED in said and "..." in cell.source, (names, said)
        assert len(own) >= 2 and met["asked"] == met["solved"] == own, path.stem

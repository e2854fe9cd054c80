"""Every exercise: its solution is right, an altered one is not, known mistakes get sentences of their own, nothing is given away."""

import ast
import importlib.util
import inspect
import re
from copy import deepcopy
from functools import cache
from importlib import import_module, reload
from textwrap import dedent

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from roilessons import check
from roilessons.check.calling import difference
from roilessons.check.judging import (
    TASKS,
    UNANSWERED,
    UNKNOWN,
    UNPREDICTED,
    array,
    choice,
    function,
    number,
    recalled,
    the_subject,
)
from roilessons.check.verdicts import MARKS, WIDTH

CHECKS = {name: exercise for name, exercise in check.all_checks().items() if name != "capstone"}  # see test_capstone
DECIMALS = {  # that an exercise asks for; the others with numbers are counts
    name: ["no", "one", "two", "three", "four"].index(found[1])
    for name, exercise in CHECKS.items() if (found := re.search(r"(\w+) decimals?\b", exercise.kind))
}  # fmt: skip
UNREADABLE = "This should be"


@cache
def answers():
    """From an exercise to a right answer and wrong ones, computed independently of `roilessons.check`."""
    found = {}
    for path in sorted((ROOT / "tests/answers").glob("*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found |= module.answers(*recalled(step="signals"))
    return found


def judged(exercise, answer):
    return (CHECKS[exercise] if isinstance(exercise, str) else exercise).verdict(answer)


def said(exercise, answer):
    return judged(exercise, answer).sentence


def after(change, right):
    """The right function, with what it returns changed."""
    return lambda *arguments: change(right(*arguments))


def altered_values(value):
    """What a function might return in place of a value, each wrong."""
    if isinstance(value, dict):
        first = next(iter(value), None)
        yield {key: one for key, one in value.items() if key != first}
        yield dict(zip(value, list(value.values())[::-1], strict=True))
        yield {key: np.add(one, 1) for key, one in value.items()}
    elif hasattr(value, "dataobj"):
        yield nib.Nifti1Image(np.asarray(value.dataobj), value.affine @ np.diag([-1, 1, 1, 1.0]))
        yield nib.Nifti1Image(np.asarray(value.dataobj)[::-1], value.affine)
        yield np.asarray(value.dataobj)
    else:
        values = np.asarray(value)
        yield ~values if values.dtype.kind == "b" else np.add(values, 1)
        if values.ndim:
            yield from (values[::-1], values[1:], values.ravel(), values.T, np.nan_to_num(values), values.astype(str))
            if values.dtype.kind != "f":
                yield values.astype(float)


def test_every_solution_is_right_and_no_altered_one():
    assert CHECKS and sorted(answers()) == sorted(CHECKS)
    for name, (right, _) in answers().items():
        assert said(name, right).startswith("Right. "), (name, right, said(name, right))
        if isinstance(right, str):
            altered = sorted({*"abcd"} - {right})
        elif callable(right):
            cases = CHECKS[name].cases
            altereds = [list(altered_values(right(*deepcopy(arguments)))) for arguments in cases.values()]
            shapes = max(map(len, altereds))
            assert len(cases) >= 2 and shapes >= 1, name
            altered = []
            for place in range(shapes):

                def change(value, place=place):
                    found = list(altered_values(value))
                    return found[place] if place < len(found) else value

                values = [right(*deepcopy(arguments)) for arguments in cases.values()]
                if any(difference(change(value), value) for value in values):
                    altered.append(after(change, right))
            assert altered, name
        elif name == "better_decisions":
            altered = [(right[0], right[1] + 3)]
        else:
            step = 10.0 ** -DECIMALS[name] if name in DECIMALS else np.maximum(1, np.round(0.05 * np.array(right)))
            altered = [np.add(right, step), np.subtract(right, step)]
        for answer in altered:
            assert judged(name, answer).right is False, (name, answer, said(name, answer))


def mutants(source):
    """A function's source with one thing changed: another comparison, sign, number, or truth, or a left out `not`."""
    swaps = {
        ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
        ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
        ast.And: ast.Or, ast.Or: ast.And,
    }  # fmt: skip
    for place in range(len(list(ast.walk(ast.parse(source))))):
        tree = ast.parse(source)
        node = list(ast.walk(tree))[place]
        if isinstance(node, ast.Compare) and type(node.ops[0]) in swaps:
            node.ops[0] = swaps[type(node.ops[0])]()
        elif isinstance(node, (ast.BinOp, ast.BoolOp, ast.AugAssign)) and type(node.op) in swaps:
            node.op = swaps[type(node.op)]()
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            node.value = not node.value
        elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            node.value += 1
        else:
            continue
        yield ast.unparse(ast.fix_missing_locations(tree))


def test_functions_are_told_from_their_mutants():
    """Most changes of one sign in a right function are noticed (some change nothing)."""
    missed = {}
    for name, (right, _) in answers().items():
        if callable(right) and right.__name__ != "<lambda>":
            source, survived, tried = dedent(inspect.getsource(right)), [], 0
            for mutant in mutants(source):
                scope = dict(right.__globals__) | inspect.getclosurevars(right).nonlocals
                exec(mutant, scope)
                tried += 1
                survived += [mutant] if judged(name, scope[right.__name__]).right else []
            if len(survived) > tried / 3:
                missed[name] = survived
    assert not missed, "\n\n".join(f"{name}: {'; '.join(survived)}" for name, survived in missed.items())


def test_known_mistakes_get_their_own_sentences():
    """Each wrong answer, unless it is the right one on this subject; and each mistake that an exercise declares."""
    for name, (right, wrong) in answers().items():
        assert len(wrong) >= 2, name
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
        right = answers()[name][0]
        if np.ndim(right):
            continue
        rounded = round(float(right), decimals)
        for answer in (right, rounded, np.float32(right), round(float(right), decimals + 2)):
            assert said(name, answer) == said(name, right), (name, answer)
        coarse = round(float(right), max(decimals - 1, 0))
        if coarse not in (rounded, 0):
            assert said(name, coarse).startswith("Nearly. Give it with"), (name, coarse)


def test_minutes_and_tasks_are_told():
    for name, exercise in CHECKS.items():
        assert exercise.task in TASKS and exercise.minutes in range(1, 46 if exercise.place != "capstone" else 241), name
        assert exercise.reveal or exercise.task != "predict", name


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


one_letter = choice("b", "Why.", "first", "second", a="Not a.", c="Not c.")


def test_how_an_answer_is_read_and_judged():
    close = "Nearly. It is close, but not equal to two decimals: compute with all digits, and round only at the end."
    two_values = "This should be {}, and it is not: it has 2 values.".format
    letters = "Not yet. This should be one of the letters 'a', 'b', 'c', and it is not: it is {}.".format
    for exercise, given, sentence, code in [
        (one_number, 0.853, "Right. Why.", "right"),
        (one_number, 0.85, "Right. Why.", "right"),
        (one_number, 0.8501, "Right. Why.", "right"),
        (one_number, 0.8529, "Right. Why.", "right"),
        (one_number, 0.8531, "Right. Why.", "right"),
        (one_number, 0.9, "Nearly. Give it with two decimals.", "nearly"),
        (one_number, 0.8, "Nearly. Give it with two decimals.", "nearly"),
        (one_number, 1, "Nearly. Give it with two decimals.", "nearly"),
        (one_number, 0.7, "Not yet. Otherwise.", "other"),
        (one_number, 0.84, close, "nearly"),
        (one_number, 0.8571, "Not yet. A close mistake.", "mistake 1"),
        (one_number, 0.86, "Not yet. A close mistake.", "mistake 1"),
        (one_number, 0.88, "Not yet. Otherwise.", "other"),
        (one_number, -0.85, "Not yet. Sign or unit.", "mistake 3"),
        (one_number, 853, "Not yet. Sign or unit.", "mistake 3"),
        (one_number, 0.00085, "Not yet. A thousandth.", "mistake 4"),
        (one_number, 0, "Not yet. Otherwise.", "other"),
        (one_number, 5, "Not yet. One mistake. Or: Another mistake, the same number.", "mistake 5"),
        (one_number, (25, 20), f"Not yet. {two_values('a number, with two decimals')}", "unreadable"),
        (one_count, 108, "Right. Why.", "right"),
        (one_count, 108.0, "Right. Why.", "right"),
        (one_count, 108 + 1e-9, "Right. Why.", "right"),
        (one_count, [108], "Right. Why.", "right"),
        (one_count, pd.Series([108], index=["face"]), "Right. Why.", "right"),
        (one_count, np.array([[108]]), "Right. Why.", "right"),
        (one_count, 108.2, "Nearly. This is counted: give a whole number.", "nearly"),
        (one_count, 107.9999, "Nearly. This is counted: give a whole number.", "nearly"),
        (one_count, 109, "Not yet. Otherwise.", "other"),
        (one_count, 9, "Not yet. One block.", "mistake 2"),
        (one_count, 17.5, "Not yet. Half a volume.", "mistake 3"),
        (one_count, 250, "Not yet. Too many.", "mistake 4"),
        (one_count, (25, 20), f"Not yet. {two_values('a whole number')}", "unreadable"),
        (
            one_count,
            "108",
            "Not yet. This should be a whole number, and it is not: it is the text '108'; leave out the quotes.",
            "unreadable",
        ),
        (one_count, float("nan"), "Not yet. This should be a whole number, and it is not: it is nan.", "unreadable"),
        (one_count, {}, "Not yet. This should be a whole number, and it is not: it is of type dict.", "unreadable"),
        (three_numbers, (25, 20, 29), "Right. Why.", "right"),
        (three_numbers, np.array([25.2, 19.8, 28.8]), "Not yet. Not rounded.", "mistake 1"),
        (three_numbers, (25, 20), f"Not yet. {two_values('three whole numbers')}", "unreadable"),
        (three_numbers, [25, 20, 28], "Not yet. Otherwise.", "other"),
        (one_array, np.arange(6).reshape(2, 3), "Right. Why.", "right"),
        (one_array, nib.Nifti1Image(np.arange(6, dtype=np.int16).reshape(2, 3), np.eye(4)), "Right. Why.", "right"),
        (
            one_array,
            [nib.Nifti1Image(np.array([first, first + 3]), np.eye(4), dtype=np.int64) for first in range(3)],
            "Right. Why.",
            "right",
        ),
        (one_array, [np.arange(3), pd.Series([3.0004, 4, 5])], "Right. Why.", "right"),
        (one_array, np.array([[0, 1, 2, 9], [3, 4, 5, 9]]), "Right. Why.", "right"),
        (one_array, np.array([[0, 3], [1, 4], [2, 5]]), "Not yet. Turned.", "mistake 1"),
        (one_array, -np.arange(6).reshape(2, 3), "Not yet. Sign.", "mistake 2"),
        (one_array, np.arange(6).reshape(2, 3) == 1, "Not yet. Otherwise.", "other"),
        (one_array, np.full((2, 3), np.nan), "Not yet. Otherwise.", "other"),
        (one_array, np.arange(6), "Not yet. Its shape is (3,), and (2, 3) is asked for. Otherwise.", "other"),
        (one_array, "0 1 2", "Not yet. This should be an array, and it is not: it is the text '0 1 2'.", "unreadable"),
        (one_array, [[0, 1, 2], [3, 4]], "Not yet. This should be an array, and it is not: it is of type list.", "unreadable"),
        *((one_letter, given, "Right. Why.", "right") for given in ("B", "b.", "(b)", " b) ", ["b"], pd.Series(["b"]))),
        (one_letter, "c", "Not yet. Not c.", "mistake 2"),
        (one_letter, "d", letters("the text 'd'"), "unreadable"),
        (one_letter, 2, letters("of type int"), "unreadable"),
    ]:
        assert (said(exercise, given), judged(exercise, given).code) == (sentence, code), (given, said(exercise, given))


TABLE = np.array([[1.0, 4.0, np.nan], [3.0, 4.0, 7.0]])
row_means = function(
    "a function",
    "first",
    "second",
    cases={
        "a table": ((np.array([[1.0, 2.0], [3.0, 5.0]]),), "Average along the rows."),
        "a missing value": ((TABLE,), "Leave out what is missing."),
        "an empty table": ((np.zeros((0, 3)),), "Without rows there is nothing to average."),
    },
    value=lambda table: np.array([np.nanmean(row) for row in table], float),
    mistakes=[(lambda table: np.nanmean(table, axis=0), "Those are the columns."), (lambda table: np.mean(table, axis=1), "NaN.")],
    otherwise="Otherwise.",
)


def changes_its_table(table):
    for row in table:
        row[:] = np.nanmean(row)
    return table[:, 0]


def unfinished(table):
    """As it is given."""
    means = ...
    return means


def asks_too_much(table, axis):
    return table.mean(axis)


def empty(table):
    """As it is given."""
    ...


def test_how_a_function_is_judged():
    for answer, sentence in [
        (lambda table: [np.nanmean(row) for row in table], "Right. It does what is asked with each of the hidden arrays."),
        (lambda table: np.nanmean(table, axis=0), "Not yet. Those are the columns."),
        (lambda table: table.mean(axis=1), "Not yet. NaN."),
        (
            lambda table: np.array([np.nan_to_num(row).mean() for row in table]),
            "Not yet. It is right with a table and wrong with a missing value: Leave out what is missing.",
        ),
        (lambda table: table.max(axis=1, initial=0), "Not yet. It is right with an empty table and wrong with a table: Average along the rows."),
        (lambda table: print(table), "Not yet. With a table it returns nothing. Is there a `return` in it?"),
        (
            lambda table: np.nanmean(table, axis=1) if len(table) else table.no_such,
            "Not yet. With an empty table it stops (AttributeError: 'numpy.ndarray' object has no attribute 'no_such'): "
            "Without rows there is nothing to average.",
        ),
        (lambda table: 3.5, "Not yet. It is a single number, and an array of shape (2,) is asked for. Otherwise."),
        (lambda table: {"a": 1}, "Not yet. It is of type dict, and an array of shape (2,) is asked for. Otherwise."),
        (lambda table: [[1], [2, 3]], "Not yet. It is of type list, with parts of different lengths. Otherwise."),
        (asks_too_much, "Not yet. It is a function, but it cannot be called with 1 argument."),
        (
            changes_its_table,
            "Nearly. It returns what is asked for, but it changes an array that it is given. Work on a copy: array.copy().",
        ),
        (3, "Not yet. This should be a function, and it is not: it is of type int."),
    ]:
        assert said(row_means, answer) == sentence, said(row_means, answer)
    for answer in (unfinished, empty, lambda table: ..., lambda table: np.mean(...)):
        assert row_means.verdict(answer) is None
    with pytest.raises(AssertionError):  # the table that is kept was not changed
        np.testing.assert_array_equal(row_means.cases["a missing value"][0], np.zeros((2, 3)))


def test_right_values_of_another_kind_are_nearly_right():
    whole = function(
        "a function", "first", "second", value=lambda one: one.astype(int), mistakes=[], otherwise="Otherwise.",
        cases={"two numbers": (np.array([1.0, 2.0]), ""), "one number": (np.array([3.0]), "Hint.")},
    )  # fmt: skip
    for answer, sentence, code in [
        (lambda one: one, "Nearly. Its values are right, but they are numbers with decimals (float64), and whole numbers are asked for.", "nearly"),
        (lambda one: one + (len(one) == 1), "Not yet. It is right with two numbers and wrong with one number: Hint.", "other"),
        (lambda one: (one + (len(one) == 2)).astype(int), "Not yet. It is right with one number and wrong with two numbers: Its values are other ones.", "other"),
    ]:
        assert (said(whole, answer), judged(whole, answer).code) == (sentence, code)


def test_what_a_function_returns_is_compared_by_kind():
    image = nib.Nifti1Image(np.zeros((2, 2, 2), np.float32), np.eye(4))
    for value, wanted, sentence in [
        ({"a": 1.0}, {"a": 1}, None),
        ({"a": 1}, {"a": 2}, "There is another value for 'a'."),
        ({"b": 1}, {"a": 1}, "Its keys are 'b', and 'a' are asked for."),
        ([1, 2], {"a": 1}, "It is of type list, and a dictionary is asked for."),
        ([1.0, np.nan], np.array([1.0, np.nan]), None),
        ([np.nan], np.array([np.nan]), None),
        ([1.0], np.array([np.nan]), "Its values are other ones."),
        ([1.0, 0.0], np.array([1.0, np.nan]), "Its values are other ones."),
        (np.ones(2), np.ones(2, bool), "Its values are right, but they are numbers with decimals (float64), and True and False are asked for."),
        (np.ones(2, np.int32), np.ones(2, np.uint8), None),
        (np.ones(2, int), np.ones(2), None),
        (np.ones((2, 1)), np.ones(2), "It is an array of shape (2, 1), and an array of shape (2,) is asked for."),
        (image, nib.Nifti1Image(np.zeros((2, 2, 2), np.float32), np.diag([-1, 1, 1, 1])), "Its affine is another one, so it lies elsewhere."),
        (np.zeros((2, 2, 2)), image, "It is of type ndarray, and an image is asked for."),
        (1.0 + 1e-9, 1, None),
        (None, 1.0, "It is of type NoneType, and a single number is asked for."),
        ("1.0", 1.0, "It is of type str, and a single number is asked for."),
    ]:
        assert difference(value, wanted) == sentence, (value, wanted, difference(value, wanted))


def test_predictions_are_kept_and_compared(capsys):
    def out():
        return " ".join(capsys.readouterr().out.split())

    def compared(exercise, prediction):
        exercise.tries.clear()
        exercise.predict(prediction)
        first = out()
        exercise.compare()
        return first, out(), exercise.tries

    one_count.prediction = ()
    one_count.compare()
    assert out() == "You made no prediction. It is 108. Why."
    one_count.predict()
    assert out() == " ".join(UNPREDICTED.split()) and not one_count.prediction
    one_count.predict("many")
    assert "This should be a whole number" in out() and not one_count.prediction and not one_count.tries
    kept = "Kept: you predict {}. Read on to see what it is.".format
    for exercise, prediction, words, sentence, codes in [
        (one_count, 100, "100", "✓ You said 100, it is 108. A good prediction. Why.", ["right"]),
        (one_count, 60, "60", "→ You said 60, it is 108. Why.", ["other"]),
        (one_count, 9, "9", "→ You said 9, it is 108. One block. Why.", ["mistake 2"]),
        (one_number, 0.9, "0.9", "✓ You said 0.9, it is 0.85. A good prediction. Why.", ["right"]),
        (one_letter, "(b)", "b", "✓ You said b, it is b. A good prediction. Why.", ["right"]),
        (one_letter, "a", "a", "→ You said a, it is b. Not a. Why.", ["mistake 1"]),
    ]:
        assert compared(exercise, prediction) == (kept(words), sentence, codes)


def test_the_verdict_is_seen_and_where_one_stands(capsys, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.get_ipython", object)
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    place = [exercise for exercise in CHECKS.values() if exercise.place == "lesson_09" and exercise.task != "predict"]
    for exercise in place:
        exercise.tries.clear()
    first = next(exercise for exercise in place if exercise.task == "choose")
    right = first.reveal()[0]
    for answer, mark, done in [({*"abc"} - {right}, "wrong", 0), ({"e"}, "wrong", 0), (right, "right", 1)]:
        first(min(answer))
        data = shown.pop()
        text = re.sub("<[^>]*>", " ", data["text/html"].replace("<br>", " "))
        assert data["text/plain"].split() == re.sub("&#x27;", "'", text).replace("&quot;", '"').split()
        assert data["text/plain"].startswith(MARKS[mark][0]) and f"background: {MARKS[mark][2]}" in data["text/html"]
        assert data["text/plain"].endswith(f"{done} of {len(place)} in this lesson right.")
    first()
    assert not shown and capsys.readouterr().out == f"{UNANSWERED}\n"
    first.tries.clear()


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_marks_differ_in_more_than_colour_and_can_be_read():
    assert len({character for character, *_ in MARKS.values()}) == len(MARKS)
    for _, ink, behind in MARKS.values():
        light, dark = sorted([luminance(behind), {"white": 1, "black": 0}[ink]], reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, behind  # WCAG 2.2, level AA


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

    exercise = reload(import_module("roilessons.check.lesson_02")).noise_of_last_run  # has not looked yet
    the_subject.cache_clear()
    monkeypatch.setattr("roilessons.load_subject", unreachable)
    exercise(864)
    assert " ".join(capsys.readouterr().out.split()).startswith(f"? {UNKNOWN}: /data/subj1 may not be read.")
    assert exercise.verdict(864).right is None and not exercise.tries
    assert UNREADABLE in said(exercise, "many")
    exercise.compare()
    assert UNKNOWN in " ".join(capsys.readouterr().out.split())


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


def test_a_misspelt_exercise_is_found():
    with pytest.raises(AttributeError, match="There is no exercise 'one_letters'"):
        check.one_letters  # noqa: B018
    name = next(iter(CHECKS))
    with pytest.raises(AttributeError, match=f"did you mean {name}"):
        getattr(check, name + "s")


CELLS = [  # what is run in a notebook, and the last words of what is shown
    ("from roilessons import check\nimport pandas as pd\nlabels = pd.DataFrame({'labels': ['face']})\nlog_p = 1", None),
    ("answer = b\nlog_p", 'If you mean the letter, put it in quotes: "b".'),
    ("logp + 1", "Did you mean log_p?"),
    ("labels['labls']", "Did you mean labels?"),
    ("labels['x']", "There are: labels."),
    ("labels.lables", "Did you mean labels?"),
    ("{'face': 1}['house']", "Look up how it is written in the cells above."),
    ("import roilessons as rl\nrl.treshold", "Did you mean threshold?"),
]


def test_what_is_mistyped_ends_in_two_lines():
    """In a shell of IPython; elsewhere nothing is installed."""
    import subprocess
    import sys

    program = f"""
import io, sys
from contextlib import redirect_stdout, redirect_stderr
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.colors = "nocolor"
for source, _ in {CELLS!r} + [("1 / 0", None), ("import os; os.environ['no such']", None)]:
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        done = shell.run_cell(source)
    print(repr((done.success, out.getvalue())))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    results = [ast.literal_eval(line) for line in ran.stdout.splitlines()]
    assert results[0][0]
    for (source, last), (success, out) in zip(CELLS[1:], results[1:], strict=False):
        lines = out.strip().splitlines()
        assert not success and len(lines) == 2 and lines[1] == last, (source, out)
    assert all("Traceback" in out for _, out in results[len(CELLS) :])
    plain = "import sys, roilessons.check; assert sys.excepthook is sys.__excepthook__ and 'IPython' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", plain], cwd=ROOT).returncode == 0


def test_an_exercise_that_is_not_called_tells_how_and_gives_nothing_away():
    for name, exercise in CHECKS.items():
        assert repr(exercise) == f"An exercise: check.{name}(answer) judges an answer, check.{name}.hint() gives a hint."


def test_the_module_of_a_notebook():
    assert [check.module_of(name) for name in ("04_threshold", "quiz_1_tutorial", "17_capstone")] == ["lesson_04", "quiz_1", "capstone"]
    assert all(exercise.name == name and exercise.place for name, exercise in CHECKS.items())

"""Every exercise: its solution is right, typical mistakes get hints of their own, nothing is given away."""

import importlib.util
import re
from functools import cache

import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from roilessons import check
from roilessons.check.judging import UNANSWERED, WIDTH, Right, Wrong, recalled

LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHECKS = check.all_checks()
ODD = [object(), "", "zzz", [], {}, np.zeros((2, 2)), pd.DataFrame(), lambda: 1, True, float("nan"), 1j, -1, 10**30, b"a"]


@cache
def answers():
    found = {}
    for path in sorted((ROOT / "tests/answers").glob("lesson_*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found |= module.answers(*recalled())
    return found


def test_every_exercise_has_answers_to_try():
    assert CHECKS and sorted(answers()) == sorted(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_the_right_answer_is_right(name):
    assert isinstance(CHECKS[name].verdict(answers()[name][0]), Right)


@pytest.mark.parametrize("name", CHECKS)
def test_typical_mistakes_get_their_own_hints(name):
    right, wrong = answers()[name]
    verdicts = [CHECKS[name].verdict(answer) for answer in wrong]
    assert all(isinstance(verdict, Wrong) for verdict in verdicts), verdicts
    hints = {verdict.hint for verdict in verdicts}
    assert len(hints) == len(wrong) >= 3
    assert not any("and it is not: it is" in hint for hint in hints)
    if isinstance(right, (int, float, np.number)) and float(right) > 20:  # small numbers turn up in any sentence
        for text in [*hints, *CHECKS[name].hints]:
            numbers = {float(found.replace(",", "")) for found in re.findall(r"\d[\d,]*\.?\d*", text)}
            assert float(right) not in numbers, text


@pytest.mark.parametrize("name", CHECKS)
def test_no_answer_raises(name, capsys):
    exercise = CHECKS[name]
    for nothing in (..., None):
        exercise(nothing)
    assert capsys.readouterr().out == f"{UNANSWERED}\n" * 2
    for odd in ODD:
        assert isinstance(exercise.verdict(odd), (Wrong, Right))
        exercise(odd)
    assert isinstance(exercise.verdict(object()), Wrong)


@pytest.mark.parametrize("name", CHECKS)
def test_hints_come_in_steps(name, capsys):
    exercise = CHECKS[name]
    exercise.given = 0
    for _ in range(len(exercise.hints) + 1):
        exercise.hint()
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= WIDTH
    hints = [" ".join(hint.split()) for hint in said.split("Hint ")[1:]]
    assert len(exercise.hints) >= 2 and len(set(hints)) == len(exercise.hints)
    assert "no more hints" in hints[-1] and "no more hints" not in hints[0]
    exercise.given = 0


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_exercise_of_a_lesson_is_asked_then_solved_in_a_folded_cell(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    folded = [cell.metadata.get("jupyter", {}).get("source_hidden", False) for cell in cells]
    called = [set(re.findall(r"check\.(\w+)(?:\.solution)?\(", cell.source)) for cell in cells]
    number = path.stem[:2]
    own = {name for name, exercise in CHECKS.items() if exercise.judge.__module__.endswith(f"lesson_{number}")}
    asked = set().union(*(names for names, fold in zip(called, folded, strict=True) if not fold))
    solved = set().union(*(names for names, fold in zip(called, folded, strict=True) if fold))
    assert len(own) >= 2 and asked == solved == own
    for cell, names, fold in zip(cells, called, folded, strict=True):
        if names:
            said = "".join(output.get("text", "") for output in cell.outputs)
            if fold:  # JupyterLab shows the first line of a folded cell, and its output
                assert cell.source.startswith("# A solution") and not said, names
                shown = [output.data["text/html"] for output in cell.outputs if "data" in output]
                assert len(shown) == 1 and re.fullmatch("<details><summary>[^<]*</summary>Right[.] .*</details>", shown[0]), names
            else:
                assert UNANSWERED in said and "..." in cell.source, (names, said)

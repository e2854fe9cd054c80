"""The exercises as the lessons ask them: kinds, minutes, solutions in folded cells and nowhere else, predictions before their answers."""

import re
from functools import cache
from importlib import import_module

import nbformat
import pytest
from conftest import ROOT

from roilessons import check
from roilessons.check.judging import Check

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LESSONS = [path for path in NOTEBOOKS if check.module_of(path.stem).startswith("lesson_")]
CHECKS = check.all_checks()
WORDS = {
    "choose": "Choose", "compute": "Compute", "write": "Write a function", "repair": "Repair", "transfer": "Transfer",
    "predict": "Predict",
}  # fmt: skip
ACCIDENTS = {"another_subject"}  # as many voxels of simulated subject 2 are kept as lesson 12 says are missed in subject 1: 193
SOLUTION = re.compile(r"<details><summary>A solution</summary>\n\n```python\n(.+?)\n```\n\n</details>\s*", re.S)
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


@cache
def cells(path):
    return nbformat.read(path, as_version=4).cells


def tags(cell):
    return cell.metadata.get("tags", [])


def own(path):
    """The exercises of a notebook by name."""
    return {name: one for name, one in CHECKS.items() if one.place == check.module_of(path.stem)}


def calls(path, method=""):
    """The place of each cell that asks for an answer: from the exercise to the numbers of the cells."""
    found = {}
    for number, cell in enumerate(cells(path)):
        if cell.cell_type == "code":
            for name in re.findall(rf"\bcheck\.(\w+){re.escape(method)}\(", cell.source):
                found.setdefault(name, []).append(number)
    return found


def text_of(cell):
    """What a reader of the stored notebook sees of a cell: its text, or what it shows."""
    if cell.cell_type == "markdown":
        return cell.source
    return "\n".join(str(one.get("text", "")) + str(one.get("data", {}).get("text/plain", "")) for one in cell.outputs)


@every_lesson
def test_at_least_four_exercises_of_three_kinds(path):
    tasks = [one.task for one in own(path).values()]
    assert len(tasks) >= 4 and len({*tasks} - {"compute"}) >= 3 and tasks.count("choose") <= 2, tasks


def test_every_exercise_has_a_name_of_its_own():
    """Of two with one name the later would hide the other."""
    def in_module(path):
        return vars(import_module(f"roilessons.check.{check.module_of(path.stem)}")).items()

    declared = [name for path in NOTEBOOKS for name, one in in_module(path) if isinstance(one, Check)]
    assert sorted(declared) == sorted(CHECKS)


@every_notebook
def test_every_exercise_is_asked_once(path):
    """The predictions in the body of the lesson, the others at its end."""
    asked, predicted, compared = calls(path), calls(path, ".predict"), calls(path, ".compare")
    asked.pop("save", None)
    ends = {name for name, one in own(path).items() if one.task != "predict" or name in asked}
    assert {name: len(places) for name, places in asked.items()} == dict.fromkeys(ends, 1)
    assert {name: len(places) for name, places in predicted.items()} == dict.fromkeys(own(path).keys() - ends, 1)
    assert predicted.keys() == compared.keys()
    for places in [*asked.values(), *predicted.values()]:
        shown = text_of(cells(path)[places[0]])
        assert "..." in cells(path)[places[0]].source or "Not yet" in shown, cells(path)[places[0]].source  # or there is code to be repaired
        assert "Right." not in shown


HEADING = re.compile(r"\*\*(?:(\d+)\. )?([A-Z][a-z ]+?)[.:]?\*\*[.:]? \((\d+) minutes?\)")


@every_notebook
def test_headings_say_what_to_do_and_how_long_it_takes(path):
    """As **2. Write a function** (6 minutes); predictions in the body may be without a number."""
    asked = {places[0]: name for name, places in (calls(path) | calls(path, ".predict")).items() if name in own(path)}
    numbers, last = [], -1
    for place, name in sorted(asked.items()):
        text = "\n".join(cell.source for cell in cells(path)[last + 1 : place] if cell.cell_type == "markdown")
        found, last = HEADING.findall(text), place
        assert found and found[-1][1:] == (WORDS[own(path)[name].task], str(own(path)[name].minutes)), (name, found)
        numbers += [int(number) for number, *_ in found if number]
    assert numbers == list(range(1, len(numbers) + 1))


@every_lesson
def test_the_opening_has_the_sum_of_the_minutes(path):
    told = re.search(r"\*\*Minutes\*\*:\s+(\d+) to read and run,\s+(\d+) for the (?:\w+ )*exercises", cells(path)[0].source)
    assert told and int(told[2]) == sum(one.minutes for one in own(path).values())


@every_notebook
def test_solutions_are_folded_and_nowhere_else(path):
    solved = {}
    for number, cell in enumerate(cells(path)):
        if "solution" in tags(cell):
            code = SOLUTION.fullmatch(cell.source)
            assert cell.cell_type == "markdown" and code, cell.source
            compile(code[1], path.stem, "exec")
            (name,) = re.findall(r"\bcheck\.(\w+)\(", code[1])
            assert max(place for place in calls(path)[name]) == number - 1, f"the solution of {name} does not follow it"
            solved[name] = code[1]
        else:
            assert "<details" not in cell.source and ".solution(" not in cell.source
    assert solved.keys() == calls(path).keys() & own(path).keys()
    elsewhere = "\n".join(cell.source for cell in cells(path) if "solution" not in tags(cell))
    for name, code in solved.items():
        answer = [line for line in code.splitlines() if re.match(r"answer = (?!.\w+.$)", line)]
        assert not [line for line in answer if line in elsewhere], name


def is_telling(value):
    """Whether a number has so many digits, three, that finding it on a page is no accident."""
    return len(re.sub(r"\D", "", value).lstrip("0")) >= 3


@every_notebook
def test_what_answers_a_prediction_is_folded(path):
    """Everything that the reader of the stored notebook sees before making a prediction lacks its answer."""
    for cell in cells(path):
        if "reveals" in tags(cell):
            assert cell.metadata.get("jupyter", {}).get("outputs_hidden"), cell.source
    compared = calls(path, ".compare")
    for name, (place,) in calls(path, ".predict").items():
        assert place < compared[name][0] and "reveals" in tags(cells(path)[compared[name][0]]), name
        value = CHECKS[name].reveal()[0]
        if is_telling(value):
            for number, cell in enumerate(cells(path)[: compared[name][0]]):
                if "reveals" not in tags(cell) and (number <= place or cell.cell_type == "code"):
                    assert not re.search(rf"(?<![\d.,]){re.escape(value)}(?![\d,]|\.\d)", text_of(cell)), (name, value, cell.source)


@every_notebook
def test_the_answer_is_not_on_the_page(path):
    """Nothing is asked that the page has printed or said, if it is a number of at least three digits."""
    for name, (place, *_) in calls(path).items():
        one = own(path).get(name)
        if one and one.reveal and name not in ACCIDENTS and is_telling(one.reveal()[0]):
            value = re.compile(rf"(?<![\d.,]){re.escape(one.reveal()[0])}(?![\d,]|\.\d)")
            assert not [cell.source for cell in cells(path)[:place] if value.search(text_of(cell))], (name, one.reveal()[0])

"""``roilessons results``: one table of a class from the files that learners handed in."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from roilessons.check import all_checks
from roilessons.check.results import read
from roilessons.files import draft_folder, publish

LONGEST_NAME, MOST_FILES = 40, 2000


class Class(NamedTuple):
    """What a class handed in: {learner: {exercise: {"right": ..., "tries": [...]}}}, and a sentence on each file left out."""

    learners: dict
    left_out: list


def harmless(name):
    """A file's name without what a terminal or a spreadsheet would take for a command."""
    name = "".join(character if character.isprintable() else "?" for character in name)[:LONGEST_NAME]
    return f"'{name}" if name[:1] in tuple("=+-@") else name


def read_class(folder):
    """The results in the files of a folder that end in .json, a file per learner.

    Parameters
    ----------
    folder : path

    Returns
    -------
    Class

    Raises
    ------
    ValueError
        If there is no file of results.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder.")
    checks, learners, left_out = all_checks(), {}, []
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".json")
    for path in paths[:MOST_FILES]:
        name = harmless(path.stem)
        try:
            exercises = read(path)
        except ValueError as error:
            left_out.append(f"{harmless(path.name)} is left out: {error}.")
            continue
        except OSError as error:
            left_out.append(f"{harmless(path.name)} is left out: it cannot be read ({error.strerror}).")
            continue
        while name in learners:
            name += "'"
        learners[name] = {exercise: one for exercise, one in exercises.items() if exercise in checks}
        if unknown := len(exercises) - len(learners[name]):
            left_out.append(f"{harmless(path.name)}: {unknown} exercise{'s' * (unknown > 1)} that this roilessons does not have.")
    if len(paths) > MOST_FILES:
        left_out.append(f"Of {len(paths):,} files only the first {MOST_FILES:,} were read.")
    if not learners:
        raise ValueError(" ".join([f"In {folder} there is no file of results that can be read.", *left_out[:5]]))
    return Class(learners, left_out)


def mistakes(learners, exercise):
    """How many learners made each known mistake of an exercise: [(number of learners, code), ...], the most frequent first."""
    made = Counter(code for one in learners.values() for code in {*one.get(exercise, {"tries": ()})["tries"]} if "mistake" in code)
    return sorted(((number, code) for code, number in made.items()), key=lambda pair: (-pair[0], pair[1]))


def sentence_of(check, code):
    """What the exercise says of a known mistake."""
    try:
        known = list(check.mistakes())
    except Exception as error:  # the subject is out of reach
        return f"(its sentence cannot be computed here: {error})"
    number = int(code.split()[1])
    return known[number - 1][1] if number <= len(known) else "(another version of roilessons has this mistake)"


def report(found):
    """The class as text: learners by lesson, then exercises with the mistakes that were made.

    Parameters
    ----------
    found : Class

    Returns
    -------
    str
    """
    checks, learners = all_checks(), found.learners
    tried = [name for name in checks if any(name in one for one in learners.values())]
    places = list(dict.fromkeys(checks[name].place for name in tried))
    width = max(map(len, [*learners, "learner"]))
    lines = ["Right of tried, by lesson", "", "  ".join(["learner".ljust(width), *(place.removeprefix("lesson_").rjust(7) for place in places)])]
    for learner, exercises in learners.items():
        cells = []
        for place in places:
            own = [one["right"] for name, one in exercises.items() if checks[name].place == place]
            cells.append((f"{sum(own)} of {len(own)}" if own else "-").rjust(7))
        lines.append("  ".join([learner.ljust(width), *cells]))
    lines += ["", "Exercises, and the mistakes that were made"]
    for name in tried:
        own = [one[name] for one in learners.values() if name in one]
        first = sum(one["tries"][0] == "right" for one in own)
        lines += ["", f"{checks[name].place} {name}: {sum(one['right'] for one in own)} of {len(own)} right, {first} at the first try"]
        lines += [f"  {number} x {sentence_of(checks[name], code)}" for number, code in mistakes(learners, name)]
    return "\n".join([*lines, *([""] if found.left_out else []), *found.left_out])


def table(found):
    """The class as a text of columns with tabs between them: a row per learner and exercise."""
    checks = all_checks()
    rows = [("learner", "lesson", "exercise", "right", "n_tries", "tries")]
    for learner, exercises in found.learners.items():
        for name in (name for name in checks if name in exercises):
            one = exercises[name]
            rows.append((learner, checks[name].place, name, str(int(one["right"])), str(len(one["tries"])), ", ".join(one["tries"])))
    return "".join("\t".join(row) + "\n" for row in rows)


def write_table(found, path):
    """Write `table` to a new file.

    Raises
    ------
    FileExistsError
        If there is such a file already. It is kept.
    """
    path = Path(path)
    with draft_folder(path.absolute().parent) as drafts:
        (drafts / "table").write_text(table(found), encoding="utf-8", newline="\n")
        publish(drafts / "table", path)

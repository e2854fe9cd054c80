"""The exercise of lesson 17, the capstone."""

from pathlib import Path

from roilessons.check.judging import Check
from roilessons.check.rubric import FOR_A_TEACHER, Missing, points
from roilessons.check.verdicts import right, wrong

SUBJECT = "simulated:2"


class Rubric(Check):
    """The capstone's exercise: as `Check`, for a folder and the subject whose series was analysed."""

    def __call__(self, folder=..., subject=SUBJECT):
        super().__call__(folder if folder is ... else (folder, subject))


def _read(given):
    folder, subject = given if isinstance(given, tuple) else (given, SUBJECT)
    return Path(folder), subject


def _judge(answer):
    try:
        found = points(*answer)
    except Missing as error:
        return wrong(str(error))
    passed = sum(point.passed for point in found)
    lines = [f"{'✓' if point.passed else '✗'} {point.name}: {point.sentence}" for point in found]
    asked = "For a teacher, or a friend who has taken the course: " + " ".join(FOR_A_TEACHER)
    if passed == len(found):
        return right(f"All {passed} points that a program can judge are passed.", *lines, asked)
    return wrong(f"{passed} of {len(found)} points are passed.", more=(*lines, asked))


capstone = Rubric(
    "the name of a folder, in quotes",
    (
        "Begin with one run: smooth it, and estimate face minus house in it. Lesson 10 has the design.",
        "Write one function make_atlas(some_runs), and call it with all runs, the even ones and the odd ones.",
        "Run the check as soon as there is an atlas: it judges each point by itself, and says what is missing.",
    ),
    _read,
    _judge,
    minutes=180,
    task="transfer",
)

"""How an answer is judged, whatever the exercise."""

from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from numbers import Number
from textwrap import fill

import numpy as np

WIDTH = 96  # characters that fit beside JupyterLab's list of files: it breaks longer lines inside words
UNANSWERED = "Not answered yet: replace the ... by your answer and run the cell again."


@dataclass(frozen=True)
class Right:
    """A right answer, and why it is right."""

    why: str


@dataclass(frozen=True)
class Wrong:
    """A wrong answer, with a hint that does not give the solution away."""

    hint: str


@dataclass
class Check:
    """One exercise: called with an answer it prints a sentence; `hint()` prints the next hint.

    Attributes
    ----------
    judge : function from an answer to Right or Wrong
    kind : str
        What an answer should be, for the sentence that a wrong type gets: "a whole number".
    hints : tuple of str
        From a nudge to nearly there.
    """

    judge: object
    kind: str
    hints: tuple
    given: int = field(default=0, init=False)

    def verdict(self, answer=...):
        """Right, Wrong, or None for no answer. Never raises, whatever the answer."""
        if answer is ... or answer is None:
            return None
        try:
            return self.judge(answer)
        except Exception:  # a learner's answer can be anything at all
            given = f"the text {answer!r}" if isinstance(answer, str) and len(answer) <= 40 else f"of type {type(answer).__name__}"
            return Wrong(f"This should be {self.kind}, and it is not: it is {given}.")

    def _sentence(self, answer):
        verdict = self.verdict(answer)
        if verdict is None:
            return UNANSWERED
        return f"Right. {verdict.why}" if isinstance(verdict, Right) else f"Not yet. {verdict.hint}"

    def __call__(self, answer=...):
        print(fill(self._sentence(answer), WIDTH))

    def solution(self, answer, *shown):
        """Judge a solution, and keep what there is to say of it, and what it shows, folded: it gives the answer away."""
        from IPython.display import display

        lines = [self._sentence(answer), *shown]
        html = "<br>".join(map(escape, lines))
        html = f"<details><summary>What the check says of it</summary>{html}</details>"
        display({"text/plain": "\n".join(fill(line, WIDTH) for line in lines), "text/html": html}, raw=True)

    def hint(self):
        number = min(self.given, len(self.hints) - 1)
        self.given += 1
        more = "" if number < len(self.hints) - 1 else " (There are no more hints; the solution is in the folded cell below.)"
        print(fill(f"Hint {number + 1} of {len(self.hints)}: {self.hints[number]}{more}", WIDTH))


def exercise(kind, *hints):
    """Make a judging function into a `Check`: ``@exercise("a whole number", "first hint", "second hint")``."""
    return lambda judge: Check(judge, kind, hints)


def number(answer):
    """The answer as a float. TypeError unless it is a single number (a bool is none)."""
    if isinstance(answer, np.ndarray) and answer.size == 1:
        answer = answer.item()
    if isinstance(answer, (bool, np.bool_)) or not isinstance(answer, Number) or isinstance(answer, complex):
        raise TypeError
    return float(answer)


def choice(answer, choices="abcd"):
    """The answer as one of the letters. TypeError unless it is one."""
    letter = answer.strip().lower()
    if letter not in tuple(choices):
        raise TypeError
    return letter


@lru_cache(1)
def recalled():
    """The default subject and everything the steps make of it, once a kernel.

    Returns
    -------
    subject : Subject
    made : CaughtUp
    """
    from roilessons import catch_up, load_subject

    subject = load_subject()
    return subject, catch_up(subject, "signals")

"""How an answer is judged, whatever the exercise.

An exercise is declared once, with `choice`, `number`, `array`, `function` or `judged`: what an answer should be, the hints, the
right answer and why it is right, and the known mistakes, each with its sentence. What depends on the subject is computed.

Two things can go wrong and are told apart: an answer that cannot be read ("This should be ..., and it is not"), and a
right answer that cannot be computed, because a subject is out of reach. The second says nothing about the answer.
"""

import math
import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, partial
from html import escape
from numbers import Real
from textwrap import fill

import numpy as np

import roilessons as rl

WIDTH = 96  # characters that fit beside JupyterLab's list of files: it breaks longer lines inside words
UNANSWERED = "Not answered yet: replace the ... by your answer and run the cell again."
UNKNOWN = "Your answer cannot be judged now, because the right one cannot be computed"
NUMBERS = dict(enumerate("zero one two three four five six seven eight nine ten eleven twelve".split()))


@dataclass(frozen=True)
class Verdict:
    """What there is to say about an answer. `right` is None if it could not be judged."""

    right: bool | None
    sentence: str


def right(why):
    return Verdict(True, f"Right. {why}")


def wrong(*hints):
    return Verdict(False, f"Not yet. {' Or: '.join(dict.fromkeys(hints))}")


class Unreadable(Exception):
    """An answer is not what the exercise asks for; the message goes on after "it"."""


@dataclass
class Check:
    """One exercise: called with an answer it prints a sentence; `hint()` prints the next hint.

    Attributes
    ----------
    kind : str
        What an answer should be, for the sentence that another one gets: "a whole number".
    hints : tuple of str
        From a nudge to nearly there. A hint that depends on the subject is a function that returns it.
    read : function
        From what was given to the answer in it; raises if there is none.
    judge : function
        From an answer to a `Verdict`; raises only if the right answer cannot be computed.
    mistakes : function
        Returns (answer, sentence) of each known mistake.
    """

    kind: str
    hints: tuple
    read: object
    judge: object
    mistakes: object = list
    given: int = field(default=0, init=False)

    def verdict(self, answer=...):
        """A Verdict, or None for no answer. Never raises, whatever the answer."""
        if answer is ... or answer is None:
            return None
        try:
            read = self.read(answer)
        except Exception as error:  # a learner's answer can be anything at all
            what = error if isinstance(error, Unreadable) else _described(answer)
            return wrong(f"This should be {self.kind}, and it is not: it {what}.")
        try:
            return self.judge(read)
        except Exception as error:  # no fault of the answer
            return Verdict(None, _unknown(error))

    def _sentence(self, answer):
        verdict = self.verdict(answer)
        return verdict.sentence if verdict else UNANSWERED

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
        try:
            said = f"Hint {number + 1} of {len(self.hints)}: {_value(self.hints[number])}{more}"
        except Exception as error:  # the subject is out of reach
            said = _unknown(error)
        print(fill(said, WIDTH))


def _value(given):
    return given() if callable(given) else given


def _unknown(error):
    what = "" if isinstance(error, (OSError, ValueError)) else f"{type(error).__name__}: "
    return f"{UNKNOWN}: {what}{error}"


def _described(given):
    if isinstance(given, float) or isinstance(given, str) and len(given) <= 40:
        return f"is {'the text ' * isinstance(given, str)}{given!r}"
    return f"is of type {type(given).__name__}"


def choice(letter, why, *hints, **mistakes):
    """A question with choices: the right letter, or a function that finds it; why; hints; a sentence for each other letter."""

    def read(given):
        found = re.sub(r"\W", "", given if isinstance(given, str) else np.asarray(given).item()).lower()
        if len(found) != 1 or found not in "abcd":
            raise Unreadable(_described(given))
        return found

    def judge(answer):
        return right(why) if answer == _value(letter) else wrong(mistakes[answer])

    kind = "one of the letters 'a', 'b', 'c', 'd'"
    return Check(kind, hints, read, judge, lambda: [pair for pair in mistakes.items() if pair[0] != _value(letter)])


def number(kind, *hints, otherwise, decimals=None, length=1):
    """Make an exercise of a generator of (right answer, why), (a mistake, its sentence), (another mistake, ...), ...

    An answer is right if it rounds to the same `decimals` as the right one; without `decimals` it is counted, and exact.
    `otherwise` is for a wrong answer that is no known mistake. With a `length` above 1 the values are arrays.

    A value may also be a tuple or a range of numbers that count alike. Of the values that an answer agrees with, the
    nearest is taken, the right one before a mistake; of two mistakes as near, both are said. So a mistake that gives the
    right answer on some subject is no mistake there.
    """

    def declare(compute):
        values = cache(lambda: list(compute()))

        def judge(answer):
            (value, why), *mistakes = values()
            if not np.isfinite(np.array(value, float)).all():
                raise ValueError("with this subject it is not a number.")
            far = _distance(answer, value, decimals)
            near = [(_distance(answer, mistake, decimals, digits=2), sentence) for mistake, sentence in mistakes]
            nearest = min(distance for distance, _ in near)
            if far < math.inf and far <= nearest:
                return right(why)
            if nearest < math.inf:
                return wrong(*(sentence for distance, sentence in near if distance == nearest))
            return _nearly(answer, value, decimals) or wrong(otherwise)

        return Check(kind, hints, partial(read_numbers, length=length), judge, lambda: values()[1:])

    return declare


def close(answer, value):
    """Whether two arrays of one shape are the same but for rounding and for another order of computing."""
    return np.allclose(answer, value, rtol=1e-3, atol=1e-3 * np.std(value))


def array(kind, *hints, otherwise, agree=close, same=close, cut=lambda answer: answer):
    """Make an exercise of a generator of (right array, why), (a mistake, its sentence), (another mistake, ...), ...

    The answer is an array or an image, and what `cut` makes of it is judged. It is right if `agree(answer, value)`, and a
    mistake if `same(answer, mistake)`; both get arrays of one shape. A mistake need not have the shape of the right one.
    """

    def declare(compute):
        values = cache(lambda: [(np.asarray(value), sentence) for value, sentence in compute()])

        def judge(answer):
            answer, ((value, why), *mistakes) = cut(answer), values()
            if answer.shape == value.shape and agree(answer, value):
                return right(why)
            if said := [one for mistake, one in mistakes if mistake.shape == answer.shape and same(answer, mistake)]:
                return wrong(*said)
            shape = f"Its shape is {answer.shape}, and {value.shape} is asked for. "
            return wrong(shape * (answer.shape != value.shape) + otherwise)

        return Check(kind, hints, read_array, judge, lambda: values()[1:])

    return declare


def read_array(given):
    """The numbers of an array, an image or a list of arrays that are alike, two or more; of a list of 3D images the 4D one."""
    if isinstance(given, (list, tuple)) and given and all(hasattr(one, "dataobj") for one in given):
        values = np.stack([np.asarray(one.dataobj) for one in given], axis=-1)
    else:
        values = np.asarray(getattr(given, "dataobj", given))
    if values.dtype.kind not in "biuf" or values.size < 2:
        raise Unreadable(_described(given))
    return values


def read_numbers(given, length=1):
    """The answer as a float, or as an array of `length` floats. Raises unless it is so many (a bool is no number)."""
    values = np.asarray(given)
    first = values.ravel()[: length + 1].tolist()
    if not first or any(
        isinstance(one, bool) or not isinstance(one, (Real, Decimal)) or not math.isfinite(one) for one in first
    ):
        raise Unreadable(_described(given))
    if values.size != length:
        raise Unreadable(f"has {values.size:,} value{'s' * (values.size > 1)}")
    return np.array(first, float) if length > 1 else float(first[0])


def _distance(answer, value, decimals, digits=0):
    """How far an answer is from a value; infinity if it does not agree with it to so many decimals (or else digits)."""
    if isinstance(value, (tuple, range)):
        return min(_distance(answer, one, decimals, digits) for one in value)
    if decimals is None:  # a count is exact; a mistake need not be one
        agree = np.where(np.mod(value, 1) == 0, answer == value, np.isclose(answer, value, rtol=1e-3))
        return 0.0 if np.all(agree) else math.inf
    if digits and value and not round(float(value), decimals):
        decimals = digits - 1 - math.floor(math.log10(abs(value)))
    off, trifle = abs(answer - value), 0.05 * 10.0**-decimals  # another order of computing makes trifles
    if not off <= trifle and (np.isnan(off) or round(answer, decimals) != round(float(value), decimals)):
        return math.inf
    off = min(off, abs(answer - round(float(value), _decimals(answer))))  # as the answer may be rounded
    return off if off > trifle else 0.0


def _decimals(answer):
    """How many decimals are written: 1 for 0.9, none for 5.0."""
    return max(0, -Decimal(repr(float(answer))).normalize().as_tuple().exponent)


def _nearly(answer, value, decimals):
    """The verdict on a number close to the right one; None if it is not."""
    if decimals is None:
        rounded = np.ndim(answer) == 0 and answer % 1 and _distance(round(answer), value, None) == 0
        return Verdict(False, "Nearly. This is counted: give a whole number.") if rounded else None
    digits = f"{NUMBERS[decimals]} decimal{'s' * (decimals != 1)}"
    off = min(abs(answer - one) for one in np.atleast_1d(value))
    if answer and any(_decimals(answer) < decimals and answer == round(one, _decimals(answer)) for one in np.atleast_1d(value)):
        return Verdict(False, f"Nearly. Give it with {digits}.")
    if off <= 2 * 10.0**-decimals:
        return Verdict(
            False, f"Nearly. It is close, but not equal to {digits}: compute with all digits, and round only at the end."
        )
    return None


def function(kind, *hints, cases, value, why, mistakes, returns, otherwise):
    """A function to write, judged by what it returns in each of the `cases`.

    `cases` leads from the name of a case to its array, and the hint for a function that is wrong there alone; `value` is
    a function that is right, `mistakes` has (a function, its sentence) of each known mistake, and `returns` is the hint
    if what is returned is not one number.
    """

    def read(given):
        if not callable(given):
            raise Unreadable(_described(given))
        return given

    def judge(answer):
        returned = {}
        for name, (array, _) in cases.items():
            try:
                returned[name] = answer(array.copy())
            except Exception as error:  # the learner's own code
                return wrong(f"It is a function, but called with masks it stops: {type(error).__name__}: {error}.")
            if returned[name] is None:
                return wrong("It is a function, but it returns nothing. Is there a `return` in it?")
            try:
                returned[name] = read_numbers(returned[name])
            except Exception:
                return wrong(f"It is a function, but what it returns is not one number. {returns}")

        def fits(function):
            return [name for name, (array, _) in cases.items() if returned[name] == function(array)]

        good = fits(value)
        if len(good) == len(cases):
            return right(why)
        if said := [sentence for mistake, sentence in mistakes if len(fits(mistake)) == len(cases)]:
            return wrong(*said)
        bad = next(name for name in cases if name not in good)
        return wrong(f"It is right for {good[0]} and wrong for {bad}: {cases[bad][1]}" if good else otherwise)

    return Check(kind, hints, read, judge, lambda: mistakes)


def judged(kind, *hints, length=1):
    """Make an exercise of a function from the number or numbers of an answer to a `Verdict`."""
    return lambda judge: Check(kind, hints, partial(read_numbers, length=length), judge)


@cache
def the_subject():
    """The default subject, as `load_subject` gives it; read once a kernel."""
    return rl.load_subject()


@cache
def recalled(source=None):
    """A subject, by default the default one, and everything that the steps make of it (`CaughtUp`); once a kernel."""
    subject = rl.load_subject(source) if source else the_subject()
    if source and subject.func == the_subject().func:
        return recalled()
    return subject, rl.catch_up(subject, "signals")


def recalled_if(enough):
    """As `recalled`; like the lessons it goes on with the simulated subject if `enough(subject, made)` is not true."""
    found = recalled()
    return found if enough(*found) else recalled("simulated")

"""How an answer is judged, whatever the exercise.

An exercise is declared once, with `choice`, `number`, `array`, `function` or `judged`: what an answer should be, the hints, the
right answer and why it is right, and the known mistakes, each with its sentence. What depends on the subject is computed.
Each says how many `minutes` it takes, and what its `task` is: one of `TASKS`.

Two things can go wrong and are told apart: an answer that cannot be read ("This should be ..., and it is not"), and a
right answer that cannot be computed, because a subject is out of reach. The second says nothing about the answer.
"""

import math
from dataclasses import dataclass, field
from functools import cache, partial

import numpy as np

import roilessons as rl
from roilessons.check.calling import OTHER_KIND, difference, is_unwritten, outcome, same_outcome, takes
from roilessons.check.reading import (
    Unreadable,
    alternatives,
    as_json,
    close,
    described,
    distance,
    is_near,
    precision,
    read_array,
    read_letter,
    read_numbers,
    written,
)
from roilessons.check.verdicts import Verdict, nearly, right, say, show, wrong

TASKS = ("predict", "choose", "compute", "write", "repair", "transfer")
UNANSWERED = "Not answered yet: replace the ... by your answer and run the cell again."
UNPREDICTED = "No prediction yet: replace the ... by what you expect, and run the cell again before you read on."
UNKNOWN = "Your answer cannot be judged now, because the right one cannot be computed"


@dataclass(repr=False)
class Check:
    """One exercise: called with an answer it shows a verdict; `hint()` prints the next hint.

    A prediction is made with `predict(answer)`, and compared with what came out by `compare()`.

    Attributes
    ----------
    kind : str
        What an answer should be, for the sentence that another one gets: "a whole number".
    hints : tuple of str
        From a nudge to nearly there. A hint that depends on the subject is a function that returns it.
    read : function
        From what was given to the answer in it; raises if there is none.
    judge : function
        From an answer to a `Verdict`, or None if nothing has been answered; raises only if the right answer cannot be computed.
    mistakes : function
        Returns (answer, sentence) of each known mistake.
    minutes : int
    task : str
        One of `TASKS`.
    reveal : function or None
        Returns the right answer as it is printed, and why it is right; None if the exercise cannot be predicted.
    is_good : function or None
        Whether an answer is a good prediction, though it need not be right.
    cases : dict
        From the name of a case to the arguments of a function that is judged with them.
    on_page : function or None
        Returns what a page without Python needs to judge an answer; None if an answer is more than a letter or a number.
    name, place : str
        Its name, and that of its module, such as lesson_04; set by `all_checks`.
    tries : list of str
        The codes of the verdicts so far.
    """

    kind: str
    hints: tuple
    read: object
    judge: object
    mistakes: object = list
    minutes: int = 6
    task: str = "write"
    reveal: object = None
    is_good: object = None
    cases: dict = field(default_factory=dict)
    on_page: object = None
    given: int = field(default=0, init=False)
    prediction: tuple = field(default=(), init=False)  # the answer; empty if there is none
    tries: list = field(default_factory=list, init=False)
    name: str = field(default="", init=False)
    place: str = field(default="", init=False)

    def __repr__(self):
        name = f"check.{self.name or 'NAME'}"
        return f"An exercise: {name}(answer) judges an answer, {name}.hint() gives a hint."

    def verdict(self, answer=...):
        """A Verdict, or None for no answer. Never raises, whatever the answer."""
        read = self._read(answer)
        if read is None or isinstance(read, Verdict):
            return read
        try:
            return self.judge(*read)
        except Exception as error:  # no fault of the answer
            return Verdict(None, _unknown(error))

    def _read(self, answer):
        """None for no answer, a Verdict on what is none, or (what was read,)."""
        if answer is ... or answer is None:
            return None
        try:
            return (self.read(answer),)
        except Exception as error:  # a learner's answer can be anything at all
            what = error if isinstance(error, Unreadable) else described(answer)
            return wrong(f"This should be {self.kind}, and it is not: it {what}.", code="unreadable")

    def __call__(self, answer=...):
        verdict = self.verdict(answer)
        if verdict is None:
            say(UNANSWERED)
            return
        if verdict.right is not None:
            self.tries.append(verdict.code)
        show(verdict.mark, [verdict.sentence, *verdict.more, *self._standing()])

    def _standing(self):
        from roilessons.check import all_checks  # here, because it imports what is declared with this module

        asked = [check for check in all_checks().values() if check.place == self.place and check.task != "predict"]
        if self.task == "predict" or not self.place or not asked:
            return []
        done = sum("right" in check.tries for check in asked)
        where = f"in {'this quiz' if self.place.startswith('quiz') else 'this lesson'} "
        return [f"{done} of {len(asked)} {where if len(asked) > 1 else ''}right."]

    def predict(self, answer=...):
        """Keep a prediction for `compare()`."""
        read = self._read(answer)
        if read is None:
            say(UNPREDICTED)
        elif isinstance(read, Verdict):
            show(read.mark, [read.sentence])
        else:
            self.prediction = read
            say(f"Kept: you predict {_said(*read)}. Read on to see what it is.")

    def compare(self):
        """Say what was predicted, and what it is."""
        try:
            value, why = self.reveal()
            verdict = self.judge(*self.prediction) if self.prediction else None
        except Exception as error:  # no fault of the prediction
            say(_unknown(error))
            return
        if not self.prediction:
            say(f"You made no prediction. It is {value}. {why}")
            return
        good = verdict.right or self.is_good(*self.prediction)
        comment = "A good prediction. " if good else ""
        if verdict.code.startswith("mistake"):
            comment += verdict.sentence.removeprefix("Not yet. ") + " "
        self.tries.append("right" if good else verdict.code)
        show("right" if good else "compared", [f"You said {_said(*self.prediction)}, it is {value}. {comment}{why}"])

    def hint(self):
        number = min(self.given, len(self.hints) - 1)
        self.given += 1
        more = "" if number < len(self.hints) - 1 else " (There are no more hints.)"
        try:
            said = f"Hint {number + 1} of {len(self.hints)}: {_value(self.hints[number])}{more}"
        except Exception as error:  # the subject is out of reach
            said = _unknown(error)
        say(said)


def _said(answer):
    return answer if isinstance(answer, str) else written(answer)


def _value(given):
    return given() if callable(given) else given


def _unknown(error):
    what = "" if isinstance(error, (OSError, ValueError)) else f"{type(error).__name__}: "
    return f"{UNKNOWN}: {what}{error}"


def choice(letter, why, *hints, minutes=2, task="choose", **mistakes):
    """A question with choices: the right letter, or a function that finds it; why; hints; a sentence for each other letter."""
    letters = sorted({*mistakes} | ({letter} if isinstance(letter, str) else set()))

    def wrong_ones():
        return [pair for pair in mistakes.items() if pair[0] != _value(letter)]

    def judge(answer):
        if answer == _value(letter):
            return right(why)
        return wrong(mistakes[answer], code=f"mistake {1 + [one for one, _ in wrong_ones()].index(answer)}")

    def on_page():
        return {"letters": letters, "right": _value(letter), "written": _value(letter), "why": why, "mistakes": wrong_ones()}

    return Check(
        f"one of the letters {', '.join(map(repr, letters))}", hints, partial(read_letter, letters=letters), judge, wrong_ones,
        minutes, task, lambda: (_value(letter), why), lambda answer: False, on_page=on_page,
    )  # fmt: skip


def number(kind, *hints, otherwise, decimals=None, length=1, minutes=3, task="compute", close=0.25):
    """Make an exercise of a generator of (right answer, why), (a mistake, its sentence), (another mistake, ...), ...

    An answer is right if it rounds to the same `decimals` as the right one; without `decimals` it is counted, and exact.
    `otherwise` is for a wrong answer that is no known mistake. With a `length` above 1 the values are arrays. A prediction
    is good if it is off by a share of `close` at most.

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
            far = distance(answer, value, decimals)
            near = [distance(answer, mistake, decimals, digits=2) for mistake, _ in mistakes]
            nearest = min(near, default=math.inf)
            if far < math.inf and far <= nearest:
                return right(why)
            if nearest < math.inf:
                said = [sentence for off, (_, sentence) in zip(near, mistakes, strict=True) if off == nearest]
                return wrong(*said, code=f"mistake {1 + near.index(nearest)}")
            return is_near(answer, value, decimals) or wrong(otherwise)

        def is_good(answer):
            return any(np.all(np.abs(answer - one) <= close * np.abs(one)) for one in alternatives(values()[0][0]))

        def on_page():
            (value, why), *mistakes = values()
            return {
                "decimals": decimals, "right": as_json(value), "written": written(value, decimals), "why": why, "close": close,
                "mistakes": [(as_json(mistake), sentence) for mistake, sentence in mistakes], "otherwise": otherwise,
            }  # fmt: skip

        asked = kind if decimals is None or "decimal" in kind else f"{kind}, with {precision(decimals)}"
        return Check(
            asked, hints, partial(read_numbers, length=length), judge, lambda: values()[1:],
            minutes, task, lambda: (written(values()[0][0], decimals), values()[0][1]), is_good,
            on_page=on_page if length == 1 else None,
        )  # fmt: skip

    return declare


def array(kind, *hints, otherwise, agree=close, same=close, cut=lambda answer: answer, minutes=6, task="compute"):
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
            alike = [mistake.shape == answer.shape and same(answer, mistake) for mistake, _ in mistakes]
            if any(alike):
                said = [sentence for (_, sentence), is_it in zip(mistakes, alike, strict=True) if is_it]
                return wrong(*said, code=f"mistake {1 + alike.index(True)}")
            shape = f"Its shape is {answer.shape}, and {value.shape} is asked for. "
            return wrong(shape * (answer.shape != value.shape) + otherwise)

        return Check(kind, hints, read_array, judge, lambda: values()[1:], minutes, task)

    return declare


def function(
    kind, *hints, cases, value, mistakes, otherwise, why="It does what is asked with each of the hidden arrays.", minutes=6, task="write"
):
    """A function to write or to repair, judged by what it does with arguments that are not shown.

    Parameters
    ----------
    cases : dict
        From a name that goes on after "with", such as "an empty mask", to (arguments, hint for a function that is wrong
        there). The arguments are a tuple; a single array may stand for itself.
    value : function
        One that is right. It returns a number, an array, an image, or a list or dictionary of numbers.
    mistakes : list
        (a function, its sentence) of each known mistake: the one that an answer agrees with in every case is said. Of code to be
        repaired, as it is given, the sentence names the symptom.
    otherwise : str
        For a function that is right in no case.
    """
    arguments = {name: given if isinstance(given, tuple) else (given,) for name, (given, _) in cases.items()}

    def outcomes(function):
        return {name: outcome(function, given) for name, given in arguments.items()}

    @cache
    def known():
        return outcomes(value), [(outcomes(mistake), sentence) for mistake, sentence in mistakes]

    def read(given):
        if not callable(given):
            raise Unreadable(described(given))
        return given

    def judge(answer):
        first = next(iter(arguments.values()))
        if not takes(answer, first):
            return wrong(f"It is a function, but it cannot be called with {len(first)} argument{'s' * (len(first) != 1)}.")
        done, (wanted, mistaken) = outcomes(answer), known()
        if is_unwritten(answer, done.values()):
            return None
        good = [name for name in cases if same_outcome(done[name], wanted[name])]
        if len(good) == len(cases):
            if any(done[name].changed and not wanted[name].changed for name in cases):
                return nearly("It returns what is asked for, but it changes an array that it is given. Work on a copy: array.copy().")
            return right(why)
        alike = [all(same_outcome(done[name], one[name]) for name in cases) for one, _ in mistaken]
        if any(alike):
            said = [sentence for (_, sentence), is_it in zip(mistaken, alike, strict=True) if is_it]
            return wrong(*said, code=f"mistake {1 + alike.index(True)}")
        off = {name: difference(done[name].value, wanted[name].value) or "" for name in cases if name not in good}
        if all(what.startswith(OTHER_KIND) for what in off.values()):
            return nearly(next(iter(off.values())))
        good += [name for name, what in off.items() if what.startswith(OTHER_KIND)]
        bad, what = next((name, what) for name, what in off.items() if name not in good)
        found, hint = done[bad], cases[bad][1]
        if found.error is not None:
            return wrong(f"With {bad} it stops ({type(found.error).__name__}: {found.error}){f': {hint}' if hint else '.'}")
        if found.value is None:
            return wrong(f"With {bad} it returns nothing. Is there a `return` in it?")
        what = "" if what.startswith("Its values are other") and (hint or not good) else what
        if good:
            return wrong(f"It is right with {good[0]} and wrong with {bad}: {f'{hint} {what}'.strip()}".strip(": "))
        return wrong(f"{what} {otherwise}".strip())

    return Check(kind, hints, read, judge, lambda: mistakes, minutes, task, cases=arguments)


def judged(kind, *hints, length=1, minutes=6, task="compute"):
    """Make an exercise of a function from the number or numbers of an answer to a `Verdict`."""
    return lambda judge: Check(kind, hints, partial(read_numbers, length=length), judge, minutes=minutes, task=task)


@cache
def the_subject():
    """The default subject, as `load_subject` gives it; read once a kernel."""
    return rl.load_subject()


@cache
def recalled(source=None, step="components"):
    """A subject, by default the default one, and what the steps up to one make of it (`CaughtUp`); once a kernel."""
    subject = rl.load_subject(source) if source else the_subject()
    if source and subject.func == the_subject().func:
        return recalled(step=step)
    return subject, rl.catch_up(subject, step)


def recalled_if(enough, step="components"):
    """As `recalled`; like the lessons it goes on with the simulated subject if `enough(subject, made)` is not true."""
    found = recalled(step=step)
    return found if enough(*found) else recalled("simulated", step=step)

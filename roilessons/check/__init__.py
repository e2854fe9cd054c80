"""Exercises that answer back: ``from roilessons import check``, then ``check.<name>(answer)``.

A verdict is shown: right, and why; nearly, with the decimals that are wanted; or not yet, with a hint that knows the mistake.
``check.<name>.hint()`` gives one more hint at each call. The solution is never said. A prediction is kept by
``check.<name>.predict(prediction)`` and compared with what came out by ``check.<name>.compare()``.

``check.save("my_results.json")`` writes what the checks came to into a file, when you ask for it: exercises, right or not, tries.

One module here holds the exercises of one lesson or quiz, as data; `judging` has the kinds of exercises and judges the answers.
"""

from difflib import get_close_matches
from importlib import import_module
from pkgutil import iter_modules

from roilessons.check import mistyped, results
from roilessons.check.judging import Check
from roilessons.check.verdicts import say
from roilessons.files import sentence

mistyped.install()


def module_of(notebook):
    """The module with the exercises of a notebook: lesson_04 of 04_threshold, quiz_1 of quiz_1_tutorial, capstone of 17_capstone."""
    first, second = notebook.split("_")[:2]
    if first == "quiz":
        return f"quiz_{second}"
    return second if second == "capstone" else f"lesson_{first}"


def all_checks():
    """Every exercise of the course by name: those of the lessons in their order, then those of quizzes and capstone."""
    found = {}
    modules = [name for _, name, _ in iter_modules(__path__) if name.startswith(("lesson_", "quiz_")) or name == "capstone"]
    for place in sorted(modules, key=lambda name: (not name.startswith("lesson"), not name.startswith("quiz"), name)):
        for name, member in vars(import_module(f"{__name__}.{place}")).items():
            if isinstance(member, Check):
                member.name, member.place = name, place
                found[name] = member
    for name in found:
        globals().pop(name, None)  # a module of the same name, such as capstone, does not hide its exercise
    return found


def save(path="my_results.json"):
    """Write which exercises were tried and got right into a file; what it has from an earlier session stays in it.

    Nothing else is written, and nothing is sent anywhere.
    """
    try:
        exercises = results.save(all_checks(), path)
    except OSError as error:
        say(sentence(error))
        return
    right = sum(one["right"] for one in exercises.values())
    say(f"Saved to {path}: {right} of {len(exercises)} exercises that you tried are right. Hand in this file if you are asked to.")


def __getattr__(name):
    if name.startswith("_"):
        raise AttributeError(name)
    checks = all_checks()
    if name not in checks:
        like = get_close_matches(name, checks, n=1)
        raise AttributeError(f"There is no exercise {name!r}{f': did you mean {like[0]}?' if like else '.'}")
    return checks[name]


def __dir__():
    return [*all_checks(), "save"]

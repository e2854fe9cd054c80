"""Exercises that answer back: ``from roilessons import check``, then ``check.<name>(answer)``.

A sentence is printed: not answered yet; right, and why; nearly, with the decimals that are wanted; or not yet, with a
hint that knows the mistake. ``check.<name>.hint()`` gives one more hint at each call. The solution is never said.

One module here holds one lesson's exercises, as data; `judging` has the kinds of exercises and judges the answers.
"""

from importlib import import_module
from pkgutil import iter_modules

from roilessons.check.judging import Check


def all_checks():
    """Every exercise of the course by name, in the order of the lessons."""
    found = {}
    for module in sorted(iter_modules(__path__), key=lambda module: module.name):
        if module.name.startswith("lesson_"):
            members = vars(import_module(f"{__name__}.{module.name}"))
            found |= {name: member for name, member in members.items() if isinstance(member, Check)}
    return found


def __getattr__(name):
    if name.startswith("_"):
        raise AttributeError(name)
    checks = all_checks()
    if name not in checks:
        raise AttributeError(f"There is no exercise {name!r}; there are: {', '.join(checks)}.")
    return checks[name]


def __dir__():
    return list(all_checks())

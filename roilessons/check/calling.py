"""What a learner's function does with given arguments, beside what another function does with them."""

import dis
import inspect
import warnings
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from io import StringIO
from typing import NamedTuple

import numpy as np

DO_NOTHING = {"RESUME", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "NOP", "CACHE"}
OTHER_KIND = "Its values are right, but they are "
KINDS = {"b": "True and False", "i": "whole numbers", "u": "whole numbers", "f": "numbers with decimals"}


class Outcome(NamedTuple):
    """What a call returned, or the error that it raised; and whether an array that it got was changed."""

    value: object = None
    error: Exception | None = None
    changed: bool = False


def outcome(function, arguments):
    """Call a function with copies of the arguments; what it prints and warns of is dropped."""
    copies = deepcopy(arguments)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            warnings.simplefilter("ignore")
            value = function(*copies)
    except Exception as error:  # whatever the learner's code does
        return Outcome(error=error)
    return Outcome(value, changed=any(difference(copy, one) for copy, one in zip(copies, arguments, strict=True)))


def is_unwritten(function, outcomes):
    """Whether a function is as the lesson gave it, with `...` in place of code."""
    if any(one.value is ... or isinstance(one.error, TypeError) and "ellipsis" in str(one.error).lower() for one in outcomes):
        return True
    code = getattr(function, "__code__", None)
    empty = code is not None and {line.opname for line in dis.get_instructions(code)} <= DO_NOTHING
    return empty and all(one.value is None and not one.error for one in outcomes)


def takes(function, arguments):
    """Whether a function can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # written in C: it does not say
        return True
    return True


def same_outcome(one, other):
    """Whether two calls came to the same."""
    if one.error or other.error:
        return type(one.error) is type(other.error)
    return difference(one.value, other.value) is None


def difference(value, wanted):
    """What is different in a value, as a sentence about "it"; None if nothing is but rounding."""
    if isinstance(wanted, dict):
        if not isinstance(value, dict):
            return f"It is of type {type(value).__name__}, and a dictionary is asked for."
        if value.keys() != wanted.keys():
            return f"Its keys are {_listed(value)}, and {_listed(wanted)} are asked for."
        found = (difference(value[key], wanted[key]) for key in wanted)
        return next((f"There is another value for {key!r}." for key, one in zip(wanted, found, strict=True) if one), None)
    if hasattr(wanted, "dataobj"):
        if not hasattr(value, "dataobj"):
            return f"It is of type {type(value).__name__}, and an image is asked for."
        if not np.allclose(value.affine, wanted.affine, atol=1e-4):
            return "Its affine is another one, so it lies elsewhere."
        return difference(np.asarray(value.dataobj), np.asarray(wanted.dataobj))
    try:
        value, wanted = np.asarray(getattr(value, "dataobj", value)), np.asarray(wanted)
    except ValueError:  # a list of lists of different lengths
        return f"It is of type {type(value).__name__}, with parts of different lengths."
    if not value.ndim and value.dtype.kind not in KINDS and wanted.dtype.kind in KINDS:  # a text, a dictionary
        return f"It is of type {type(value.item()).__name__}, and {_shape(wanted)} is asked for."
    if value.shape != wanted.shape:
        return f"It is {_shape(value)}, and {_shape(wanted)} is asked for."
    if value.dtype.kind not in KINDS or wanted.dtype.kind not in KINDS:
        alike = value.dtype.kind == wanted.dtype.kind and np.array_equal(value, wanted)
        return None if alike else "Its values are other ones."
    numbers = wanted.astype(float)
    scale = np.max(np.abs(numbers[np.isfinite(numbers)]), initial=0)
    rounded = 1e-3 if wanted.dtype.kind == "f" else 0  # such as 2.355, which the lesson prints
    if not np.allclose(value.astype(float), numbers, rtol=rounded, atol=1e-6 * scale, equal_nan=True):
        return "Its values are other ones."
    kinds = [KINDS[one.dtype.kind] for one in (value, wanted)]
    if kinds[0] != kinds[1] and wanted.dtype.kind != "f" and wanted.ndim:
        return f"{OTHER_KIND}{kinds[0]} ({value.dtype}), and {kinds[1]} are asked for."
    return None


def _listed(keys):
    return ", ".join(map(repr, keys)) or "none"


def _shape(values):
    return f"an array of shape {values.shape}" if values.ndim else "a single number"

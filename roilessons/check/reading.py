"""What was given, read as a letter, as numbers or as an array; and how far a number is from another."""

import math
import re
from decimal import Decimal
from numbers import Real

import numpy as np

from roilessons.check.verdicts import nearly

NUMBERS = dict(enumerate("zero one two three four five six seven eight nine ten eleven twelve".split()))


class Unreadable(Exception):
    """An answer is not what the exercise asks for; the message goes on after "it"."""


def described(given):
    """What was given, in words that go on after "it"."""
    if isinstance(given, str) and re.fullmatch(r"\s*-?\d+(\.\d*)?\s*", given):
        return f"is the text {given!r}; leave out the quotes"
    if isinstance(given, float) or isinstance(given, str) and len(given) <= 40:
        return f"is {'the text ' * isinstance(given, str)}{given!r}"
    return f"is of type {type(given).__name__}"


def read_letter(given, letters):
    """The one letter in a text such as "(b)", or in a list or Series of one text."""
    found = re.sub(r"\W", "", given if isinstance(given, str) else np.asarray(given).item()).lower()
    if len(found) != 1 or found not in letters:
        raise Unreadable(described(given))
    return found


def read_array(given):
    """The numbers of an array, an image or a list of arrays that are alike, two or more; of a list of 3D images the 4D one."""
    if isinstance(given, (list, tuple)) and given and all(hasattr(one, "dataobj") for one in given):
        values = np.stack([np.asarray(one.dataobj) for one in given], axis=-1)
    else:
        values = np.asarray(getattr(given, "dataobj", given))
    if values.dtype.kind not in "biuf" or values.size < 2:
        raise Unreadable(described(given))
    return values


def read_numbers(given, length=1):
    """The answer as a float, or as an array of `length` floats. Raises unless it is so many (a bool is no number)."""
    values = np.asarray(given)
    first = values.ravel()[: length + 1].tolist()
    if not first or any(
        isinstance(one, bool) or not isinstance(one, (Real, Decimal)) or not math.isfinite(one) for one in first
    ):
        raise Unreadable(described(given))
    if values.size != length:
        raise Unreadable(f"has {values.size:,} value{'s' * (values.size > 1)}")
    return np.array(first, float) if length > 1 else float(first[0])


def close(answer, value):
    """Whether two arrays of one shape are the same but for rounding and for another order of computing."""
    return np.allclose(answer, value, rtol=1e-3, atol=1e-3 * np.std(value))


def alternatives(value):
    """The numbers, or arrays of numbers, that count alike as the right answer or as one mistake."""
    return list(value) if isinstance(value, (tuple, range)) else [value]


def as_json(value):
    """A number as JSON has it; of those that count alike a list, of a range its start, step and length; of none an empty list."""
    if isinstance(value, range):
        return {"start": value.start, "step": value.step, "count": len(value)}
    if isinstance(value, tuple):
        return [float(one) for one in value]
    return float(value) if math.isfinite(value) else []


def distance(answer, value, decimals, digits=0):
    """How far an answer is from a value; infinity if it does not agree with it to so many decimals (or else digits)."""
    if isinstance(value, (tuple, range)):
        return min(distance(answer, one, decimals, digits) for one in value)
    if decimals is None:  # a count is exact; a mistake need not be one
        agree = np.where(np.mod(value, 1) == 0, np.abs(answer - value) < 1e-6, np.isclose(answer, value, rtol=1e-3))
        return 0.0 if np.all(agree) else math.inf
    if digits and value and not round(float(value), decimals):
        decimals = digits - 1 - math.floor(math.log10(abs(value)))
    off, trifle = abs(answer - value), 0.05 * 10.0**-decimals  # another order of computing makes trifles
    if not off <= trifle and (np.isnan(off) or round(answer, decimals) != round(float(value), decimals)):
        return math.inf
    off = min(off, abs(answer - round(float(value), decimals_of(answer))))  # as the answer may be rounded
    return off if off > trifle else 0.0


def decimals_of(answer):
    """How many decimals are written: 1 for 0.9, none for 5.0."""
    return max(0, -Decimal(repr(float(answer))).normalize().as_tuple().exponent)


def precision(decimals):
    """The precision that is asked for, in words."""
    return f"{NUMBERS[decimals]} decimal{'s' * (decimals != 1)}"


def is_near(answer, value, decimals):
    """The verdict on a number close to the right one; None if it is not."""
    if decimals is None:
        rounded = np.ndim(answer) == 0 and answer % 1 and distance(round(answer), value, None) == 0
        return nearly("This is counted: give a whole number.") if rounded else None
    written, values = decimals_of(answer), alternatives(value)
    cut_or_rounded = [f(float(one) * 10.0**written) / 10.0**written for one in values for f in (round, math.trunc)]
    if answer and written < decimals and np.isclose(answer, cut_or_rounded, rtol=1e-9, atol=0).any():
        return nearly(f"Give it with {precision(decimals)}.")
    if min(abs(answer - one) for one in values) <= 2 * 10.0**-decimals:
        return nearly(f"It is close, but not equal to {precision(decimals)}: compute with all digits, and round only at the end.")
    return None


def written(value, decimals=None):
    """A right answer, or one that was given, as it is printed."""
    if isinstance(value, (tuple, range)):
        value = value[len(value) // 2]
    if np.ndim(value):
        return f"({', '.join(written(one, decimals) for one in value)})"
    if decimals is None and isinstance(value, (Real, np.number)) and value % 1:
        return f"{value:,.10g}"
    return f"{value:,.{decimals or 0}f}"

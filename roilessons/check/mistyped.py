"""Two lines for what is mistyped most: a letter without quotes, a misspelt name, column or attribute.

IPython would show dozens of lines of traceback. Everything else is shown as it was.
"""

import builtins
import sys
from difflib import get_close_matches


def install():
    """Change how IPython shows these errors; outside of IPython nothing is done."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None and not shell.custom_exceptions:
        shell.set_custom_exc((NameError, KeyError, AttributeError), _show)


def _show(shell, kind, error, traceback, tb_offset=None):
    lines = said(error, traceback, shell.user_ns)
    if lines:
        error._render_traceback_ = lambda: lines
    shell.showtraceback((kind, error, traceback), tb_offset=tb_offset)


def said(error, traceback, names):
    """Two lines on an error in a cell, or None if it has another cause; `names` has what the cells have made."""
    frames = []
    while traceback:
        frames.append(traceback)
        traceback = traceback.tb_next
    in_cells = [number for number, one in enumerate(frames) if one.tb_frame.f_globals is names]
    if not in_cells:
        return None
    cell, below = frames[in_cells[-1]], [one.tb_frame for one in frames[in_cells[-1] + 1 :]]
    where = f"(line {cell.tb_lineno} of the cell)"
    if isinstance(error, NameError) and not below and error.name:
        return _of_name(error.name, where, [*names, *cell.tb_frame.f_locals, *dir(builtins)])
    if isinstance(error, KeyError) and len(error.args) == 1:
        return _of_key(error.args[0], where, cell.tb_frame, below)
    if isinstance(error, AttributeError) and all(one.f_code.co_name == "__getattr__" for one in below):
        if error.obj is None or not error.name:
            return [f"AttributeError: {error} {where}.", "Look up how the name is written in the cells above."]
        what = getattr(error.obj, "__name__", None) or f"what is of type {type(error.obj).__name__}"
        return [f"AttributeError: {what} has no {error.name!r} {where}.", _did_you_mean(error.name, dir(error.obj))]
    return None


def _of_name(name, where, names):
    first = f"NameError: there is nothing with the name {name} {where}."
    if len(name) == 1:
        return [first, f'If you mean the letter, put it in quotes: "{name}".']
    return [first, _did_you_mean(name, names, "Was the cell that makes it run? A text needs quotes.")]


def _of_key(key, where, cell, below):
    if any(not frame.f_globals.get("__name__", "").startswith("pandas") for frame in below):
        return None  # raised by some function that has its own reasons
    tables = [frame.f_locals.get("self") for frame in below] + [*cell.f_locals.values()]
    keys = []
    for table in tables:
        if isinstance(table, dict):
            keys += [one for one in table if isinstance(one, str)]
        elif type(table).__module__.startswith("pandas"):
            listed = getattr(table, "columns", getattr(table, "index", table))
            keys += [str(one) for one in list(listed)[:200]] if hasattr(listed, "__iter__") else []
        if keys and below:
            break  # the table that was asked
    first = f"KeyError: there is no column, row or key {key!r} {where}."
    if isinstance(key, str) and below and not get_close_matches(key, keys):
        return [first, f"There are: {', '.join(keys[:12])}{', ...' * (len(keys) > 12)}."]
    return [first, _did_you_mean(str(key), keys)]


def _did_you_mean(name, names, otherwise="Look up how it is written in the cells above."):
    found = get_close_matches(name, [one for one in dict.fromkeys(names) if not one.startswith("_")], n=1, cutoff=0.7)
    return f"Did you mean {found[0]}?" if found else otherwise

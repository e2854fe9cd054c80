"""Numbers that a caller gives: one check for all."""

import numpy as np


def check_number(value, what, kind="number", *, least=-np.inf, above=-np.inf, whole=False):
    """`value` as a float, or an int where `whole` numbers are wanted.

    Parameters
    ----------
    value : int or float
    what : str
        Which number it is, as a sentence begins: "The number of dilations".
    kind : str
        What it must be: "number", "-log10 p", "width in mm".
    least, above : number
        The smallest that is allowed, or the largest that is not.
    whole : bool

    Raises
    ------
    ValueError
        If it is no such number, is infinite or NaN.
    """
    kinds = (int, np.integer) if whole else (int, float, np.number)
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, kinds) or not (least <= value < np.inf and value > above):
        bounds = f", {least} or more" if least > -np.inf else f" above {above}" if above > -np.inf else ""
        raise ValueError(f"{what} must be a {'whole ' if whole else ''}{kind}{bounds}, not {value!r}.")
    return int(value) if whole else float(value)

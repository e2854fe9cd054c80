"""A verdict on an answer: what it says, how it is seen, and its code in a file of results."""

import sys
from dataclasses import dataclass
from html import escape
from textwrap import fill

WIDTH = 96  # characters that fit beside JupyterLab's list of files: it breaks longer lines inside words
# Character, its colour and the one behind it: told apart without colours, too, and read on light and dark pages alike.
MARKS = {
    "right": ("✓", "white", "#0072B2"),
    "nearly": ("≈", "black", "#E69F00"),
    "wrong": ("✗", "white", "#B34700"),
    "unknown": ("?", "white", "#595959"),
    "compared": ("→", "white", "#595959"),
}


@dataclass(frozen=True)
class Verdict:
    """What there is to say about an answer.

    Attributes
    ----------
    right : bool or None
        None if the answer could not be judged.
    sentence : str
    code : str
        "right", "nearly", "mistake 2" (the second known one of the exercise), "other" or "unreadable".
    more : tuple of str
        Lines below the sentence, such as the points of a longer task.
    """

    right: bool | None
    sentence: str
    code: str = "other"
    more: tuple = ()

    @property
    def mark(self):
        if self.right is None:
            return "unknown"
        return "right" if self.right else "nearly" if self.code == "nearly" else "wrong"


def right(why, *more):
    return Verdict(True, f"Right. {why}", "right", more)


def nearly(hint):
    return Verdict(False, f"Nearly. {hint}", "nearly")


def wrong(*hints, code="other", more=()):
    return Verdict(False, f"Not yet. {' Or: '.join(dict.fromkeys(hints))}", code, more)


def show(mark, lines):
    """Show lines of text with a mark before the first; outside of IPython they are printed."""
    character, ink, colour = MARKS[mark]
    plain = "\n".join(fill(line, WIDTH) for line in (f"{character} {lines[0]}", *lines[1:]))
    if "IPython" not in sys.modules or sys.modules["IPython"].get_ipython() is None:
        print(plain)
        return
    from IPython.display import display

    badge = f'<span style="background: {colour}; color: {ink}; padding: 0 0.4em; border-radius: 3px">{character}</span>'
    html = "<br>".join([f"{badge} {escape(lines[0])}", *map(escape, lines[1:])])
    html = f'<div style="border-left: 4px solid {colour}; padding-left: 0.6em; max-width: 48em">{html}</div>'
    display({"text/plain": plain, "text/html": html}, raw=True)


def say(text):
    """Print a sentence that is no verdict."""
    print(fill(text, WIDTH))

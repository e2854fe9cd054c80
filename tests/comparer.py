"""A second comparer of notebooks, beside nbval: what nbclient ran against what is stored.

It is our own and not pytest-notebook because it is smaller: it needs no package more, reads the sanitizer that nbval reads, and
compares a lesson that is run anyway, with its solutions: `python -m pytest tests/test_editions.py -k teachers_lesson`.
"""

import configparser
import difflib
import re
from pprint import pformat

from conftest import ROOT

UNCOMPARED = {"image/png", "image/jpeg", "application/vnd.jupyter.widget-view+json"}
_file = configparser.ConfigParser(interpolation=None)
_file.read(ROOT / "tests/nbval_sanitize.cfg", encoding="utf-8")
SANITIZER = [(rule["regex"], rule["replace"]) for name, rule in _file.items() if name != "DEFAULT"]


def shown(cell, rules):
    """What a cell shows: its streams, each as one text, and then its other outputs in their order."""

    def sanitized(text):
        for regex, replacement in rules:
            text = re.sub(regex, replacement, text)
        return text

    streams, others = {}, []
    for output in cell.outputs:
        if output.output_type == "stream":
            streams[output.name] = streams.get(output.name, "") + output.text
        elif output.output_type == "error":
            others.append({"error": f"{output.ename}: {output.evalue}"})
        else:
            others.append({kind: sanitized(str(data)) for kind, data in sorted(output.data.items()) if kind not in UNCOMPARED})
    return [{name: sanitized(text) for name, text in sorted(streams.items())}, *others]


def tags(cell):
    return cell.metadata.get("tags", [])


def differences(stored, ran, *more):
    """{number of a code cell: its code and how what it shows differs}; `ran` may have more cells, tagged `solution`, `more` are rules."""
    before, now = ([cell for cell in one.cells if cell.cell_type == "code" and "solution" not in tags(cell)] for one in (stored, ran))
    assert [cell.source for cell in before] == [cell.source for cell in now]
    found = {}
    for number, cells in enumerate(zip(before, now, strict=True)):
        was, shows = (shown(cell, [*SANITIZER, *more]) for cell in cells)
        if was != shows and "nbval-ignore-output" not in tags(cells[0]):
            lines = difflib.ndiff(*(pformat(one, width=128).splitlines() for one in (was, shows)))
            found[number] = "\n".join([cells[0].source, *(line for line in lines if line[0] in "+-")])
    return found

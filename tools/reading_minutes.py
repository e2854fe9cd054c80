"""How long the lessons take to read and run: `python tools/reading_minutes.py` prints the minutes of each.

Counted are 150 words a minute, a minute to run and look at an open code cell, and half a minute at a folded one. Exercises say
their own minutes: their texts, cells and solutions are not counted.
"""

import ast
import re
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
WORDS_A_MINUTE = 150
EXERCISE = re.compile(r"\*\*[^*\n]+\*\*[.:]? \(\d+ minutes?\)")
ASKS = re.compile(r"\bcheck\.\w+(\.predict)?\(")


def minutes(notebook):
    """Minutes to read and run a lesson, not rounded."""
    n_words, n_cells, in_exercises = 0, 0.0, False
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and "solution" not in cell.metadata.get("tags", ()):
            in_exercises = in_exercises and "## What you saw" not in cell.source
            text = re.split(r"^## (?:Exercises|Quiz)$", cell.source, maxsplit=1, flags=re.M)
            if not in_exercises:
                n_words += sum(bool(re.search(r"\w", word)) for word in EXERCISE.split(text[0])[0].split())
            in_exercises = in_exercises or len(text) > 1
        elif cell.cell_type == "code" and ast.parse(cell.source).body and not ASKS.search(cell.source) and not in_exercises:
            n_cells += 0.5 if cell.metadata.get("jupyter", {}).get("source_hidden") else 1
    return n_words / WORDS_A_MINUTE + n_cells


if __name__ == "__main__":
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        print(f"{path.stem:26}{minutes(nbformat.read(path, as_version=4)):5.1f}")

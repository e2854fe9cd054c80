"""Numbers in the lessons' prose that nothing in the lesson supports: `python tools/prose_numbers.py [NOTEBOOK ...]`.

A number in a text cell must be one that the lesson prints, describes or computes with. It is looked for in the outputs of the
lesson's code cells (descriptions of figures and tables too, but not where NBVAL_IGNORE_OUTPUT says that the output depends on
the machine), in the numbers of the code, and, in the exercises, in those of the lesson's checks. What is a fact of the design
or an example, and not a result, stands in tests/prose_constants.toml, with a reason.

How the prose may differ from what the lesson has:

- A number may be rounded to the digits that the prose gives. Whole numbers below 100 are everywhere, so they have to be there
  as they are, unless a word such as "about" stands before them.
- Trailing zeros count as rounding only after a word that says so: "about 4,400", "more than 4,000", "nearly 5,000".
- A percentage may be a share in the output, and the other way round.
- A number without a sign may be the size of a negative one; with a minus it must be negative there, too.

Words count as well: "nine volumes", "four in five", "a third of", "half as", "twice as". Not read are "one" and "two", mostly
no results; code between fences; link targets; citations; numbers that are part of a name (int16, 4D); lesson numbers and
minutes (other tests compare those); the choices of an exercise, most of which are wrong on purpose. What is computed in the
reader's head ("fell by 0.3") is not worked out here: the lesson has to print it.

A whole number below 13 is found in most lessons by accident. Of others, changed by up to five in their last digit, six in ten
with two digits are noticed, three in four with decimals, and more than nine in ten with three or more digits. To look only in
the neighbouring cells would catch little more, and would refuse summaries that are right.
"""

import ast
import html
import re
import sys
import tomllib
from bisect import bisect_right
from pathlib import Path
from typing import NamedTuple

import nbformat

ROOT = Path(__file__).parents[1]
CONSTANTS = ROOT / "tests/prose_constants.toml"
SUPERSCRIPT = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
NUMBER = re.compile(
    r"(?P<minus>(?<![\w)\]%.])[-−])?(?<![\w.⁻])(?P<digits>\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?P<power>[eE][-+]?\d+|(?: ?[·×] ?10)?[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?(?P<unit>(?: ?%| per cent\b)|[A-Za-z_]\w*)?"
)
UNITS = ("%", "per cent", "st", "nd", "rd", "th", "mm", "s", "x")  # other letters make it a name: 4D, 2nd_level
SMALL = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
SMALL += "seventeen eighteen nineteen".split()
WORDS = {word: value for value, word in enumerate(SMALL)} | {"dozen": 12}
WORDS |= {word: 10 * n for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)}
SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
A_WORD = "|".join([*WORDS, *SCALES])
IN_WORDS = re.compile(rf"\b(?:(?:{A_WORD})(?:[- ](?:and )?(?:{A_WORD}))*)\b(?P<half> and a half\b)?", re.I)
SHARE = re.compile(rf"\b(?P<some>{A_WORD}|\d+) (?:in|out of) (?:every )?(?P<all>{A_WORD}|\d+)\b(?![.,]?\d| per cent| ?%)", re.I)
PARTS = {  # read as the number, give or take a tenth of it
    r"(?<!\bone )\bhalf (?:as|of)\b(?! it\b)": 1 / 2,
    r"\b(?:a|one) third (?:as|of)\b": 1 / 3,
    r"\btwo thirds\b": 2 / 3,
    r"\b(?:a|one) quarter (?:as|of)\b": 1 / 4,
    r"\bthree quarters\b": 3 / 4,
    r"\btwice (?:as|the)\b": 2,
}
HEDGES = {  # how far below and above a round number the true one may be, in units of its last digit that is not 0
    **dict.fromkeys(("about", "around", "some", "roughly", "approximately"), (0.5, 0.5)),
    **dict.fromkeys(("nearly", "almost", "under", "below"), (1, 0)),
    **dict.fromkeys(("over", "above"), (0, 1)),
}


class Claim(NamedTuple):
    """A number in the prose: as written, its value, the interval that the lesson's number must lie in, where it stands."""

    text: str
    value: float
    low: float
    high: float
    percent: bool
    signed: bool
    exact: bool
    in_exercises: bool
    cell: int
    start: int
    sentence: str


def value_of(match):
    """Value of a NUMBER and the size of its last digit; None for what is a name."""
    unit = (match["unit"] or "").strip()
    if unit and unit not in UNITS:
        return None
    digits, power = match["digits"].replace(",", ""), 0
    if match["power"]:
        plain = match["power"].translate(SUPERSCRIPT)
        power = int(re.sub(r"^[eE]| ?[·×] ?10", "", plain))
        if match["power"][0] in "⁻⁰¹²³⁴⁵⁶⁷⁸⁹":  # a bare 10⁻¹², or another base
            return float(digits) ** power, 0
    last = 10.0 ** (power - len(digits.partition(".")[2]))
    value = float(f"{digits}e{power}")
    return (-value if match["minus"] else value), last


def numbers_of_text(text):
    """Values in an output: a set of floats; percentages also as shares."""
    found = set()
    for match in NUMBER.finditer(text):
        read = value_of(match)
        if read:
            found.add(read[0])
            if (match["unit"] or "").strip() in UNITS[:2]:
                found.add(read[0] / 100)
    return found


def numbers_of_code(source):
    """Values of the number literals in code, each also with a minus where it has one."""
    lines = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
    found = set()
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
            if type(node.operand.value) in (int, float):
                found.add(-float(node.operand.value))
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            found.add(float(node.value))
    return found


def text_of(output):
    """An output as text: what is printed, the description of a figure, a table; no pictures."""
    data = output.get("data", {})
    page = re.sub(r'src="[^"]*"', "", data.get("text/html", ""))
    seen = [*re.findall(r'alt="([^"]*)"', page), re.sub(r"<[^>]*>", " ", page)]
    return "\n".join([output.get("text", ""), data.get("text/plain", ""), html.unescape(" ".join(seen))])


def evidence(notebook):
    """The numbers that each cell prints, shows or computes with: a list of sets, one per cell."""
    found = []
    for cell in notebook.cells:
        numbers = set()
        if cell.cell_type == "code":
            numbers |= numbers_of_code(cell.source)
            if "nbval-ignore-output" not in cell.metadata.get("tags", ()) and "NBVAL_IGNORE_OUTPUT" not in cell.source:
                numbers |= numbers_of_text("\n".join(map(text_of, cell.get("outputs", ()))))
        found.append(numbers)
    return found


def blank(pattern, text, flags=0):
    """`text` with what matches `pattern` replaced by as many spaces, so that places stay."""
    return re.sub(pattern, lambda match: " " * len(match[0]), text, flags=flags)


def readable(markdown):
    """The prose of a text cell, without what is not read (see the top of this file), and as long as before."""
    text = blank(r"```.*?```", markdown, re.S)
    text = blank(r"^\| \[\d\d · .*\|$", text, re.M)  # the table of the lessons
    text = blank(r"\]\([^)\s]*\)", text)
    text = blank(r"https?://[^\s)]+", text)
    text = blank(r"\*\*Minutes\*\*[^\n]*(\n[^\n]+)*", text)
    text = blank(r"\(\d+ minutes?\)", text)  # of an exercise
    text = blank(r"^- \*\*[a-z]\*\*[^\n]*(\n +[^\n]+)*", text, re.M)  # choices
    text = blank(r"^(\*\*)?\d+\.(?= )", text, re.M)
    text = blank(r"\b(1[89]|20)\d\d,\s+\*[^*]+\*\s+[\d:,–\- ]*\d", text)  # 1999, *Journal* 9:416
    text = blank(r"(?<=[a-z],)\s\(?(1[89]|20)\d\d\b|(?<=[a-z] \()(1[89]|20)\d\d(?=[),])", text)  # Name, 1999
    lesson = r"(?<![\w.,])(0\d|1[0-7])(?![\d.,]*\d)"
    text = blank(rf"\b[Ll]essons? {lesson}((, | to | and |, and ){lesson})*", text)
    return blank(rf"{lesson}(?= · )|(?<![\w.,])0\d(?![\d.,]*\d)", text)


def sentence_around(text, start):
    ends = [0, *(match.end() for match in re.finditer(r"[.?!]\**\s+|\n\n|\n(?=[-|#])", text)), len(text)]
    place = bisect_right(ends, start)
    return " ".join(text[ends[place - 1] : ends[place]].split())


def leeway(text, start, last, zeros):
    """How far below and above a number the true one may be, from the words before it."""
    before = re.findall(r"[A-Za-z]+", text[max(0, start - 30) : start])[-3:]
    before = [word for word in before if word != "a"][-2:]
    if before[-1:] == ["than"] and before[0] in ("more", "less", "fewer"):
        hedge = (0, 1) if before[0] == "more" else (1, 0)
    else:
        hedge = next((HEDGES[word] for word in reversed(before) if word in HEDGES), None)
    if hedge is None:
        return None
    return [max(0.5 * last, part * last * 10**zeros) for part in hedge]


def amount(words):
    """The value of number words: "twenty-five", "two thousand"."""
    total = 0
    for word in re.findall(r"[a-z]+", words.lower()):
        total = max(total, 1) * SCALES[word] if word in SCALES else total + WORDS.get(word, 0)
    return total


def claims_of(markdown, cell=0, in_exercises=False):
    """The numbers of a text cell, in figures and in words, in the order of reading."""
    text, found = readable(markdown), []

    def add(match, value, below=0.0, above=0.0, percent=False, exact=False):
        where = (in_exercises, cell, match.start(), sentence_around(markdown, match.start()))
        found.append(Claim(match[0].strip(), value, value - below, value + above, percent, value < 0, exact, *where))

    for match in SHARE.finditer(text):
        some, out_of = (int(word) if word.isdigit() else amount(word) for word in match.group("some", "all"))
        if 0 < some < out_of:
            add(match, some / out_of, 0.25 / out_of, 0.25 / out_of)
            text = text[: match.start()] + " " * len(match[0]) + text[match.end() :]
    for pattern, value in PARTS.items():
        for match in re.finditer(pattern, text, re.I):
            add(match, value, 0.1 * value, 0.1 * value)
        text = blank(pattern, text, re.I)
    for match in NUMBER.finditer(text):
        read = value_of(match)
        if read:
            value, last = read
            digits = match["digits"].replace(",", "")
            hedge = leeway(text, match.start(), last, len(digits) - len(digits.rstrip("0")) if last == 1 else 0)
            percent = (match["unit"] or "").strip() in ("%", "per cent")
            exact = last == 0 or (last == 1 and abs(value) < 100 and not hedge and not percent)
            add(match, value, *(hedge or (0.5 * last, 0.5 * last)), percent, exact)
    for match in IN_WORDS.finditer(text):
        value = amount(match[0]) + (0.5 if match["half"] else 0)
        if value not in (0, 1, 2):
            hedge = leeway(text, match.start(), 1, len(str(value)) - len(str(value).rstrip("0")))
            add(match, float(value), *(hedge or (0, 0)), exact=not hedge)
    return sorted(found, key=lambda claim: claim.start)


def claims(notebook):
    """The numbers in the prose of a lesson, in the order of reading."""
    found, in_exercises = [], False
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            in_exercises = in_exercises and "## What you saw" not in cell.source
            exercises = cell.source.find("## Exercises")
            for claim in claims_of(cell.source, index, in_exercises):
                found.append(claim._replace(in_exercises=in_exercises or 0 <= exercises < claim.start))
            in_exercises = in_exercises or exercises >= 0
    return found


def supports(claim, number):
    """Whether a number of the lesson is the one that the prose claims."""
    low, high = (claim.value, claim.value) if claim.exact else (claim.low, claim.high)
    slack = 1e-9 * abs(claim.value)
    for value in (number, 100 * number) if claim.percent else (number,):
        if low - slack <= (value if claim.signed else abs(value)) <= high + slack:
            return True
    return False


def constants(name, kind="constants"):
    """What tests/prose_constants.toml has for a lesson: values and reasons."""
    listed = tomllib.loads(CONSTANTS.read_text(encoding="utf-8")).get(name, {}).get(kind, {})
    return {float(number): why for number, why in listed.items()}


def unsupported(notebook, name, listed=None):
    """The claims of a lesson that nothing supports. `listed`: the values to accept, by default the lesson's constants."""
    numbers = set().union(*evidence(notebook))
    check = ROOT / f"roilessons/check/lesson_{name[:2]}.py"
    in_checks = numbers_of_code(check.read_text(encoding="utf-8")) if check.is_file() else set()
    listed = constants(name) if listed is None else listed
    return [
        claim
        for claim in claims(notebook)
        if abs(claim.value) not in listed
        and not any(supports(claim, number) for number in numbers)
        and not (claim.in_exercises and any(supports(claim, number) for number in in_checks))
    ]


if __name__ == "__main__":
    wrong = 0
    for path in map(Path, sys.argv[1:] or sorted((ROOT / "notebooks").glob("*.ipynb"))):
        for claim in unsupported(nbformat.read(path, as_version=4), path.stem):
            wrong += 1
            print(f"{path.stem}, cell {claim.cell + 1}: {claim.text}\n    {claim.sentence}")
    print(f"{wrong or 'No'} number{'s' if wrong != 1 else ''} without support")
    sys.exit(bool(wrong))

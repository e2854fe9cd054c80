"""The ``roilessons`` command: what a learner, a teacher and a developer start from a terminal."""

import argparse
import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

from roilessons.files import sentence

CHECKOUT = Path(__file__).resolve().parents[2]

LAB_HELP = """\
Opens the lessons in JupyterLab, on lesson 00, in the browser. Works offline.

What opens are copies to work in: nothing that you do in them can break the lessons.
In a clone of the project they are in its folder my-lessons/, which git ignores.
Otherwise they are in the current folder if that is empty or has them already, else
in roilessons-lessons/ in it. What you changed is never overwritten.
At the first start the simulated subject is made, which takes some seconds.
Ctrl-C in this terminal, twice, ends the server; what was saved stays.

  --fresh 04          put lesson 04 as it came beside yours, and open it

Everything else after `lab` is passed on to JupyterLab. Often useful:
  --no-browser        print the address to open, in place of opening it
  --port 9999         serve there, not at 8888
  --ip 0.0.0.0 --allow-root
                      in a container; the address keeps its token

Environment variables:
  ROILESSONS_SUBJECT  the subject that the lessons use: simulated (the default),
                      simulated:2 ... simulated:6, haxby (real, downloaded once),
                      haxby:2, or a folder with bold.nii.gz, labels.txt and
                      mask4_vt.nii.gz
  NILEARN_DATA        the folder where subjects are kept (else nilearn_data in the
                      home folder)
"""

WORKBENCH_HELP = """\
Opens the workbench of lesson 16 as a page without code, in the browser. Works offline.

The page is for this machine alone, and for those who have its address with the token;
the address is printed. Every visitor has a kernel of their own. Ctrl-C ends the server.

Everything after `workbench` is passed on to Voila. Often useful:
  --no-browser        print the address to open, in place of opening it
  --port=9999         serve there, not at 8866
  --token=WORD        a token of your own
  NOTEBOOK.ipynb      show this notebook in place of the workbench
  --Voila.ip=0.0.0.0  let other machines in. All who have the address with its token can
                      then open every subject's folder that you can read, fill your
                      processor and memory, and save atlases in this folder. What
                      goes over the network is not encrypted: do it only in one you trust.
"""

TEST_HELP = """\
Runs every test and every notebook of a clone of the project.

Everything after `test` is passed on to pytest. Often useful:
  notebooks/03_t_test.ipynb   only this file
  -k WORD                     only tests whose name contains WORD
  -x                          stop at the first failure
"""


def number(text):
    """`text` as a float; argparse shows the message."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number such as 5 or 2.5") from None


def limit(text):
    """`text` as a float, or None for "none"."""
    return None if text == "none" else number(text)


def parser():
    """The command line, described once."""
    top = argparse.ArgumentParser(prog="roilessons", description="Lessons on computing a region-of-interest mask from fMRI data.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text, passed_on in (("lab", LAB_HELP, "JUPYTERLAB"), ("workbench", WORKBENCH_HELP, "VOILA"), ("test", TEST_HELP, "PYTEST")):
        commands.add_parser(
            name, usage=f"roilessons {name} [{passed_on} ARGUMENT ...]", help=text.splitlines()[0], description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip

    def command(name, call, in_short, description):
        made = commands.add_parser(name, help=in_short, description=description)
        made.set_defaults(call=call)
        return made

    add_extract_options(command(
        "extract", run_extract, "Computes the ROIs of a subject and writes atlas, table, signals and summary.",
        "Computes the ROIs of a subject with all steps of the course, and writes mask_atlas.nii.gz, rois.tsv, "
        "signals.tsv and summary.json. With --bids it takes people from a BIDS dataset, and writes BIDS derivatives and a report.",
    ))  # fmt: skip
    command(
        "editions", run_editions, "Writes the lessons for students, for teachers and as pages to hand out.",
        "Writes three editions of all lessons: OUT/student has no solutions, and no outputs between a prediction and its comparison with the result; "
        "OUT/teacher has the solutions as code to be run, and below each exercise a key with the right answer, the hints and the known "
        "mistakes; OUT/handout has a page of HTML per lesson, with folded solutions, that needs no network. It takes a few minutes, "
        "because the right answers are computed from the subject.",
    ).add_argument("out", metavar="OUT", help="a new or an empty folder")  # fmt: skip
    command(
        "slides", run_slides, "Writes a deck of slides for each part of the course.",
        "Writes a page of slides for each part of the course: the lessons' titles, questions, figures with their "
        "descriptions, and what was seen. Open a page in a browser; it needs no network. The arrow keys or the space bar turn the "
        "slides, Esc shows them all.",
    ).add_argument("out", metavar="OUT", help="a new or an empty folder")  # fmt: skip
    command(
        "book", run_book, "Builds the lessons as a site, from the notebooks as they are stored.",
        "Builds the course as a site: lessons, quizzes, glossary and guide, with questions that answer on the page. "
        "Nothing is run and no network is needed. `python -m http.server --directory _site` shows it. A site that this command built "
        "is replaced; anything else is kept.",
    ).add_argument("out", metavar="OUT", nargs="?", default="_site", help="the folder of the site (default: _site)")  # fmt: skip
    results = command(
        "results", run_results, "Makes one table of a class from the result files of its learners.",
        "Learners write their own files with check.save('NAME.json'); put those handed in into one folder. Shown are, "
        "by learner and lesson, how many exercises are right; and by exercise, how many learners got it right and which known "
        "mistakes they made. The names of the files are the names of the learners. Files handed in are read as data: nothing in "
        "them is run, and a file that is damaged or no file of results is named and left out.",
    )  # fmt: skip
    results.add_argument("folder", metavar="FOLDER", help="the folder with the .json files handed in")
    results.add_argument("--out", metavar="TABLE.tsv", help="also write a row per learner and exercise to this new file")
    return top


def add_extract_options(extract):
    """The options of `extract`: of the analysis, then of a BIDS dataset."""
    add = extract.add_argument
    add("subject", metavar="SUBJECT_DIR", nargs="?",
        help="a folder with bold.nii.gz, labels.txt and mask4_vt.nii.gz; or simulated, simulated:2, haxby")  # fmt: skip
    add("--out", metavar="DIR", required=True, help="folder to write to; made if missing")
    add("--contrast", nargs=2, metavar=("A", "B"), default=["face", "house"], help="the two conditions to compare (default: face house)")
    add("--fwhm", type=number, default=6.0, metavar="MM", help="width of the smoothing kernel in mm (default: 6)")
    add("--threshold", type=number, metavar="T",
        help="least -log10 p that is kept (default: 1.3, which is p = 0.05, or 3 if not corrected; with --test volumes 5)")  # fmt: skip
    add("--test", choices=("runs", "volumes"), default="runs",
        help="runs: one observation per run, a t-test across runs, and regions that prefer one condition each; volumes: the "
        "tutorial's t-test between volumes, whose p-values are too small (default: runs)")  # fmt: skip
    add("--delay", type=int, metavar="N", help="with --test runs: volumes by which the labels are moved (default: 0)")
    add("--correct", choices=("fwe", "fdr", "cluster", "none"),
        help="with --test runs: correction for the many voxels of the VT mask: family-wise error by sign flips, false "
        "discovery rate, family-wise error of clusters, or none (default: fwe)")  # fmt: skip
    add("--dilate", type=int, default=1, metavar="N", help="iterations of dilation (default: 1)")
    add("--conditions", nargs="+", metavar="NAME", help="the conditions of your own experiment, if labels.txt has others than Haxby's")

    add = extract.add_argument_group("a BIDS dataset in place of SUBJECT_DIR").add_argument
    add("--bids", metavar="DIR", help="the dataset, with series prepared by fMRIPrep in its derivatives")
    add("--sub", metavar="LABEL", help="whom to take, such as 01")
    add("--all", action="store_true", help="take everybody, and every task; what is there already is kept")
    add("--task", metavar="LABEL", help="the task, where there are several")
    add("--ses", metavar="LABEL", help="one session alone (default: all sessions together)")
    add("--run", nargs="+", metavar="LABEL", help="these runs alone (default: all)")
    add("--space", metavar="SPACE", help="the space, where there are several, such as MNI152NLin2009cAsym:res-2")
    add("--derivatives", metavar="DIR", help="folder of the prepared series, where there are several")
    add("--mask", nargs="+", metavar="IMAGE", help="where to test: images, or ATLAS:LABEL; all of them together (default: the brain)")
    add("--confounds", nargs="+", metavar="NAME",
        help="strategies of nilearn's load_confounds, such as motion=full high_pass wm_csf; none for none (default: motion=basic)")  # fmt: skip
    add("--motion-limit", type=limit, default=0.5, metavar="MM",
        help="leave volumes with a larger framewise displacement out; none for no limit (default: 0.5)")  # fmt: skip
    add("--jobs", type=int, default=1, metavar="N", help="with --all: how many processes (default: 1)")
    add("--dask", metavar="ADDRESS", help="with --all: the workers of this Dask scheduler, such as tcp://127.0.0.1:8786")


OF_THE_ANALYSIS = ("contrast", "fwhm", "threshold", "dilate", "correct")  # options that a folder and a BIDS dataset share
OF_BIDS = ("task", "ses", "space", "run", "mask", "derivatives")  # options that are fields of `Bids`


def chosen(options, names):
    return {name: getattr(options, name) for name in names}


def run_extract(options):
    """``roilessons extract``: print the ROI table, or one sentence on what is wrong."""
    if bool(options.subject is not None) == bool(options.bids is not None):
        raise ValueError("Name either SUBJECT_DIR or, with --bids, a BIDS dataset.")
    if options.bids is not None:
        return run_extract_bids(options)
    if given := [name for name in ("sub", "all", *OF_BIDS, "confounds", "dask") if getattr(options, name)]:
        raise ValueError(f"--{given[0]} is for BIDS datasets (--bids DIR).")
    from roilessons.batch.extract import extract
    from roilessons.inference.contrasts import say_left_out

    result = extract(
        options.subject, options.out, conditions=options.conditions, test=options.test, delay=options.delay,
        **chosen(options, OF_THE_ANALYSIS),
    )  # fmt: skip
    table = result.table.to_string(index=False) if len(result.table) else "No ROI: no voxel is left in the mask."
    left_out = result.summary["runs_left_out"]
    lines = [table, *([say_left_out(left_out, options.contrast)] if left_out else []), result.summary["p_values"]]
    show("\n".join([*lines, f"Written to {result.out}"]))
    return 0


def run_editions(options):
    """``roilessons editions``: name each lesson that is done."""
    from roilessons.app.editions import editions
    from roilessons.app.lab import lessons_source

    editions(lessons_source(), options.out, say=lambda name: print(name, flush=True))
    show(f"Written to {options.out}: student, teacher, handout")
    return 0


def run_extract_bids(options):
    """``roilessons extract --bids``: of one person print the table, of everybody how many are done."""
    from roilessons.batch.extract_bids import extract_bids, extract_everybody
    from roilessons.datasets.bids import CONFOUNDS, Bids

    if bool(options.sub) == options.all:
        raise ValueError("With --bids name one person with --sub, or take everybody with --all.")
    if options.test != "runs" or options.delay is not None or options.conditions:
        raise ValueError("--test, --delay and --conditions are for SUBJECT_DIR: with --bids the runs are modelled from their events.")
    if not options.all and (options.dask or options.jobs != 1):
        raise ValueError("--jobs and --dask are for --all.")
    if options.jobs < 1:
        raise ValueError(f"--jobs must be how many processes, 1 or more, not {options.jobs}.")
    confounds = CONFOUNDS if options.confounds is None else () if options.confounds == ["none"] else options.confounds
    source = Bids(
        options.bids, sub=options.sub or "all", confounds=confounds, motion_limit=options.motion_limit, **chosen(options, OF_BIDS)
    )
    settings = chosen(options, OF_THE_ANALYSIS)
    if options.all:
        return show_everybody(partial(extract_everybody, source, options.out, n_jobs=options.jobs, dask=options.dask, **settings))
    result = extract_bids(source, options.out, **settings)
    table = result.table.to_string(index=False) if len(result.table) else "No ROI: no voxel passed."
    said = [f"Note: {note}" for note in result.notes] + [f"Warning: {warning}" for warning in result.told["Warnings"]]
    show("\n".join([*result.read, *said, table, result.told["PValues"], f"Written to {result.folder}"]))
    return 0


def show_everybody(extract):
    """Run `extract_everybody` and say how far it came; Ctrl-C too."""
    try:
        done = extract()
    except KeyboardInterrupt:
        print("Stopped; what was finished is kept, and the same command goes on from there.", file=sys.stderr)
        return 130
    failed = [f"{who}: {why}" for who, why in done.failed.items()]
    more = f" {len(failed)} failed, see failed.tsv:" if failed else ""
    show("\n".join([f"{len(done.group)} results are in {done.out}, {done.skipped} of them from before.{more}", *failed]))
    return 1 if failed else 0


def run_slides(options):
    """``roilessons slides``: name each deck that is done."""
    from roilessons.app.lab import lessons_source
    from roilessons.app.slides import slides

    slides(lessons_source(), options.out, say=lambda name: print(f"{name}.html", flush=True))
    show(f"Written to {options.out}")
    return 0


def run_book(options):
    """``roilessons book``: name each page that is done."""
    try:
        import myst_nb  # noqa: F401
        import sphinx_book_theme  # noqa: F401
    except ImportError as error:
        raise ValueError(f"The book needs {error.name}: python -m pip install sphinx myst-nb sphinx-book-theme") from None

    from roilessons.app.book.build import build_book
    from roilessons.app.lab import lessons_source

    docs = CHECKOUT / "docs"
    build_book(lessons_source(), options.out, docs if docs.is_dir() else None, say=lambda name: print(name, flush=True))
    print(f"The site is in {options.out}; to see it: python -m http.server --directory {options.out}")
    return 0


def run_results(options):
    """``roilessons results``: print the class, and write its table."""
    from roilessons.app.results import read_class, report, write_table

    found = read_class(options.folder)
    if options.out:
        write_table(found, options.out)
    show("\n".join([report(found), *([f"Written to {options.out}"] if options.out else [])]))
    return 0


def show(text):
    """Print `text` as far as the console can take it; that it cannot does not make the work fail that is done."""
    try:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="backslashreplace")
        print(text, flush=True)
    except BrokenPipeError:  # the reader has seen enough
        _silence(sys.stdout)
    except (OSError, ValueError) as error:
        _silence(sys.stdout)
        reason = getattr(error, "strerror", None) or error
        with suppress(OSError, ValueError):
            print(f"{text.splitlines()[-1]}, but it cannot be shown here ({reason}).", file=sys.stderr)


def _silence(stream):
    """What could not be written is tried again when Python ends, and would then be the exit code."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def run_tests(arguments):
    """``roilessons test``: pytest, as pyproject.toml sets it up, at the checkout's top."""
    if not (CHECKOUT / "pyproject.toml").is_file():
        print("The tests are in a clone of the project, and this roilessons is not one.", file=sys.stderr)
        return 1
    import pytest

    os.chdir(CHECKOUT)
    return int(pytest.main(arguments))


def main(arguments=None):
    """Run one command and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    command, passed_on = arguments[:1], arguments[1:]
    asks_for_help = {"-h", "--help"} & set(passed_on)
    try:
        if command == ["lab"] and not asks_for_help:
            from roilessons.app.lab import start

            return start(passed_on)
        if command == ["workbench"] and not asks_for_help:
            from roilessons.app.served import start

            return start(passed_on)
        if command == ["test"] and not asks_for_help:
            return run_tests(passed_on)
        options = parser().parse_args(arguments)
        return options.call(options)
    except (ValueError, OSError, EOFError, MemoryError) as error:
        text = sentence(error) or "There is too little memory; close other notebooks."
        print(f"roilessons: {text}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stopped:
        print(str(stopped) or "Stopped; nothing was written.", file=sys.stderr)
        return 0 if str(stopped) else 130  # it has a text where the work was done


if __name__ == "__main__":
    sys.exit(main())

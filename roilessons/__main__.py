"""``python -m roilessons``: prepare the environment, once, then run the command.

A fresh clone has none of the packages that the lessons need. So this file uses the
standard library alone: it installs a pinned list, that of learners or for tests and
the book a longer one, into the virtual or conda environment that is active, or into
``.venv`` beside the package, and goes on there.
When all is in place nothing is installed or looked up, and no network is needed.
The stamp of what was installed is not believed alone: Python may have been upgraded
under the environment, or packages removed.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
LEARNERS = CHECKOUT / "binder" / "requirements.txt"
DEVELOPERS = CHECKOUT / "tests" / "requirements.txt"  # the same pins, and those of the tests and the book
STAMP = "roilessons-requirements.txt"
OLDEST_PYTHON = (3, 11)
NEEDED = (  # modules without which no lesson starts
    "anywidget", "dask", "distributed", "filelock", "ipyniivue", "ipywidgets", "isal", "joblib", "jupyterlab",
    "matplotlib", "nibabel", "nilearn", "numpy", "pandas", "PIL", "psutil", "roilessons", "scipy", "threadpoolctl",
    "tqdm", "voila",
)  # fmt: skip
LOOK = "import importlib.util, sys; sys.exit(None in map(importlib.util.find_spec, sys.argv[1:]))"


class SetUpError(Exception):
    """The environment could not be prepared; the message says why and what to do."""


def chosen_environment(prefix, base_prefix, checkout):
    """Folder of the environment to install into.

    The running one when it is a virtual environment, or a conda environment other
    than base (which other work relies on); else ``.venv`` in the checkout.
    """
    prefix = Path(prefix)
    virtual = prefix != Path(base_prefix)
    conda = (prefix / "conda-meta").is_dir() and not (prefix / "condabin").is_dir()
    return prefix if virtual or conda else Path(checkout) / ".venv"


def python_of(environment):
    """Interpreter of an environment: the running one, or that of a virtual environment."""
    if Path(environment) == Path(sys.prefix):
        return Path(sys.executable)
    return Path(environment) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def stamp_text(checkout, pinned):
    """What is installed: the pinned list, and the checkout whose lessons it serves."""
    return f"# {checkout}\n" + Path(pinned).read_text(encoding="utf-8")


def is_ready(environment, wanted):
    """Whether the environment holds what `wanted` (see `stamp_text`) says."""
    try:
        return (Path(environment) / STAMP).read_text(encoding="utf-8") == wanted
    except OSError:
        return False


def works(environment):
    """Whether the environment's own interpreter starts and finds the modules that the lessons need; imports none."""
    python = python_of(environment)
    if python == Path(sys.executable):
        return None not in map(importlib.util.find_spec, NEEDED)
    try:  # -I: what this checkout or PYTHONPATH could lend does not count
        return subprocess.run([str(python), "-I", "-c", LOOK, *NEEDED], stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:  # a link to an interpreter that is gone, or another system's
        return False


def prepare(environment, pinned, anew=False):
    """Make the environment where it is missing, or `anew`, and install everything; stamp it last."""
    python = python_of(environment)
    if not python.exists() or anew:
        import venv  # not needed, and on some systems not there, in an existing environment

        # Without its own pip at first: Debian keeps the module for that in another package.
        venv.create(environment, with_pip=False, clear=True)
    pip_install(python, "pip", "--requirement", pinned)
    pip_install(python, "--no-deps", "--no-build-isolation", "--editable", CHECKOUT)
    (Path(environment) / STAMP).write_text(stamp_text(CHECKOUT, pinned), encoding="utf-8")


def pip_install(python, *arguments):
    """Run pip for the interpreter `python`, showing how many packages it has come to."""
    command = [sys.executable, "-m", "pip", "--python", python, "install"]
    command += ["--no-input", "--disable-pip-version-check", *arguments]
    output, packages = [], 0
    with subprocess.Popen(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as pip:
        for line in pip.stdout:
            output.append(line)
            if line.startswith("Collecting ") and sys.stdout.isatty():
                packages += 1
                print(f"\r{packages} packages", end="", flush=True)
    if packages:
        print()
    if pip.returncode:
        log = CHECKOUT / "pip.log"
        log.write_text("".join(output), encoding="utf-8")
        raise SetUpError(f"{failure(output)} All that pip said is in {log}.")


def failure(output):
    """One sentence on why pip failed, from the lines that it printed."""
    text = "".join(output)
    if "No module named pip" in text:
        return f"pip is missing: run `{sys.executable} -m ensurepip`, then the same command again."
    broken = any(word in text for word in ("Retrying (", "ConnectionError", "connection broken", "timed out"))
    if broken and "No space left" not in text:
        return (
            "The packages could not be downloaded: connect this computer to the network, "
            "then run the same command again (once they are installed, no network is needed)."
        )
    errors = [line.split(": ", 1)[1].strip() for line in output if line.lower().startswith("error: ")]
    reason = errors[-1] if errors else "pip does not say why"
    return f"The packages could not be installed ({reason}): correct this, then run the same command again."


def hand_over(python, arguments):
    """Go on in the interpreter of the prepared environment; does not return."""
    command = [str(python), "-m", "roilessons", *arguments]
    if os.name != "nt":
        os.execv(command[0], command)
    child = subprocess.Popen(command)  # on Windows exec would return to the prompt at once
    while True:
        try:
            sys.exit(child.wait())
        except KeyboardInterrupt:
            pass  # the child got it too, and decides


def main(arguments):
    """Prepare what is missing, then run ``roilessons`` with the same arguments."""
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(
            f"roilessons needs Python {'.'.join(map(str, OLDEST_PYTHON))} or newer; "
            f"this is {sys.version.split()[0]} ({sys.executable})."
        )
    asks_for_help = not arguments or {"-h", "--help"} & set(arguments)
    if LEARNERS.is_file() and not asks_for_help:
        environment = chosen_environment(sys.prefix, sys.base_prefix, CHECKOUT)
        pinned = DEVELOPERS if arguments[0] in ("test", "book") else LEARNERS
        try:
            if not any(is_ready(environment, stamp_text(CHECKOUT, enough)) for enough in (pinned, DEVELOPERS)):
                print(f"Preparing the environment in {environment} (a minute or two, once) ...", flush=True)
                prepare(environment, pinned)
            elif not works(environment):
                print(
                    f"The environment in {environment} works no more: Python was changed, or packages are gone. "
                    "It is made again (a minute or two) ...",
                    flush=True,
                )
                prepare(environment, pinned, anew=environment != Path(sys.prefix))  # the learner's own is not emptied
        except (SetUpError, OSError, ImportError) as error:
            sys.exit(f"{error}")
        except KeyboardInterrupt:
            sys.exit("Stopped: run the same command again to go on.")
        if environment != Path(sys.prefix):
            hand_over(python_of(environment), arguments)

    from roilessons.app.cli import main as run

    sys.exit(run(arguments))


if __name__ == "__main__":
    main(sys.argv[1:])

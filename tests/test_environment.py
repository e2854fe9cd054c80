"""What is tested is what a classroom gets: the files that describe the environment agree."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from roilessons.__main__ import STAMP

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LEARNERS = ROOT / "binder/requirements.txt"
DEVELOPERS = ROOT / "tests/requirements.txt"  # the same, and what the tests and the book need
COMMANDS = {
    LEARNERS: "uv pip compile pyproject.toml --extra clone -o binder/requirements.txt",
    DEVELOPERS: "uv pip compile pyproject.toml --all-extras --constraint binder/requirements.txt -o tests/requirements.txt",
}
POST_BUILD = ROOT / "binder/postBuild"
ENVIRONMENTS = [ROOT / "environment.yml", ROOT / "binder/environment.yml"]
EXTRAS = PROJECT["optional-dependencies"]
DIRECT = {
    LEARNERS: [Requirement(line) for line in [*PROJECT["dependencies"], *EXTRAS["clone"]]],
    DEVELOPERS: [Requirement(line) for line in [*PROJECT["dependencies"], *chain(*EXTRAS.values())]],
}
every_list = pytest.mark.parametrize("pinned", [LEARNERS, DEVELOPERS], ids=["learners", "developers"])


def pins(pinned):
    """Every line of a pinned list as a requirement."""
    lines = pinned.read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def pinned_here(pinned):
    """{name: version} of the pins that this Python and system take."""
    here = [pin for pin in pins(pinned) if pin.marker is None or pin.marker.evaluate()]
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in here}


def environment(path):
    """(channels, Python, other conda packages, the file that pip reads) of an environment.yml."""
    described = yaml.safe_load(path.read_text(encoding="utf-8"))
    conda = [item for item in described["dependencies"] if isinstance(item, str)]
    (pip,) = (item["pip"] for item in described["dependencies"] if isinstance(item, dict))
    ((option, name),) = (line.split() for line in pip)
    assert option == "-r"
    (python,) = (item.removeprefix("python=") for item in conda if item.startswith("python="))
    others = sorted(item for item in conda if not item.startswith("python="))
    return described["channels"], python, others, (path.parent / name).resolve()


def test_both_environment_files_describe_the_same():
    here, binder = map(environment, ENVIRONMENTS)
    assert here == binder
    channels, python, others, pinned = here
    assert channels == ["conda-forge"] and others == ["pip"], "all but Python and pip comes from the pinned list"
    assert pinned == LEARNERS
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(python)


@every_list
def test_every_pin_is_exact_and_no_line_names_a_place(pinned):
    for pin in pins(pinned):
        assert re.fullmatch(r"==[0-9][0-9a-z.]*", str(pin.specifier)), f"{pin} is not pinned"
        assert pin.url is None
    text = pinned.read_text(encoding="utf-8")
    assert "://" not in text and not re.search(r"^-", text, re.MULTILINE), "no index, no options"


@every_list
def test_direct_dependencies_are_pinned_within_their_bounds(pinned):
    for direct in DIRECT[pinned]:
        same = [pin for pin in pins(pinned) if canonicalize_name(pin.name) == canonicalize_name(direct.name)]
        assert same, f"{direct.name} is not in the pinned list: refresh it"
        wrong = [pin for pin in same if not direct.specifier.contains(str(pin.specifier).removeprefix("=="))]
        assert not wrong, f"pyproject.toml wants {direct}, the pinned list has {wrong}"


def test_what_is_taught_is_what_is_tested():
    """The developers' list has every pin of the learners' list."""
    assert {(pin.name, str(pin.specifier)) for pin in pins(LEARNERS)} < {(pin.name, str(pin.specifier)) for pin in pins(DEVELOPERS)}
    assert pinned_here(LEARNERS).items() < pinned_here(DEVELOPERS).items()


@every_list
def test_a_list_is_what_is_needed_and_no_more_and_no_two_pins_are_at_odds(pinned):
    """What the packages say of themselves, followed from those that pyproject.toml names. That pip finds them is seen where it installs them."""
    here, needed, todo = pinned_here(pinned), set(), [(direct, extra) for direct in DIRECT[pinned] for extra in ("", *direct.extras)]
    while todo:
        requirement, extra = todo.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) not in needed:
            needed.add((name, extra))
            for line in importlib.metadata.requires(name) or ():
                further = Requirement(line)
                if further.marker is None or further.marker.evaluate({"extra": extra}):
                    assert further.specifier.contains(here[canonicalize_name(further.name)], prereleases=True), f"{name} wants {further}"
                    todo += [(further, one) for one in ("", *further.extras)]
    assert {name for name, _ in needed} == set(here)


@every_list
def test_lists_refresh_with_the_commands_they_name(pinned):
    """The head of a list gives the command, CONTRIBUTING.md both in their order; pyproject.toml gives their settings."""
    assert f"#    {COMMANDS[pinned]}\n" in pinned.read_text(encoding="utf-8")
    assert "\n".join(COMMANDS.values()) in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"]["pip"]
    assert settings["universal"] and PROJECT["requires-python"] == f">={settings['python-version']}"


def test_running_environment_is_the_pinned_one():
    if not (Path(sys.prefix) / STAMP).is_file():
        pytest.skip("this environment was not made from the pinned list")
    wanted = pinned_here(DEVELOPERS)
    installed = {name: importlib.metadata.version(name) for name in wanted}
    assert {name: Version(v) for name, v in installed.items()} == {n: Version(v) for n, v in wanted.items()}


def test_post_build_is_a_strict_script():
    lines = POST_BUILD.read_bytes().split(b"\n")
    assert lines[0] == b"#!/bin/bash", "shebang first, without a carriage return"
    commands = [line for line in lines[1:] if line and not line.startswith(b"#")]
    assert commands[0] == b"set -euo pipefail"
    if os.name != "nt":
        assert os.access(POST_BUILD, os.X_OK)
        subprocess.run(["bash", "-n", POST_BUILD], check=True)


@pytest.mark.skipif(os.name == "nt", reason="repo2docker runs on Linux and macOS")
def test_binder_builds_this(monkeypatch):
    """repo2docker picks conda, our Python, our file, and runs postBuild after the packages."""
    from repo2docker.app import Repo2Docker

    monkeypatch.chdir(ROOT)
    app = Repo2Docker()
    app.platform = "linux/amd64"
    for BuildPack in app.buildpacks:
        pack = BuildPack(base_image=app.base_image)
        pack.platform = app.platform
        if pack.detect():
            break
    assert type(pack).__name__ == "CondaBuildPack"
    assert pack.python_version == environment(ENVIRONMENTS[1])[1]
    dockerfile = pack.render({"NB_USER": "jovyan", "NB_UID": "1000"})
    steps = ["COPY --chown=1000:1000 src/", '--file "binder/environment.yml"', "RUN ./binder/postBuild"]
    places = [dockerfile.index(step) for step in steps]
    assert places == sorted(places), "the pinned list must be copied before conda reads environment.yml"
